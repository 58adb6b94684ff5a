package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// reserveSeats reserves a seat for every row that is still to be imported, and
// returns what gives back those that were not needed. Those that an interrupted
// import reserved and could not give back are taken up again.
func (im *importer) reserveSeats(ctx context.Context, file *os.File) (release func() error, err error) {
	nothing := func() error { return nil }
	if im.reserved != "" {
		if there, err := im.stillReserved(ctx); err != nil || there {
			return im.release(ctx), err
		}
	}
	if !im.reserve {
		return nothing, nil
	}
	rows := 0
	count := func(r row) bool {
		if r.number > im.last {
			rows++
		}
		return true
	}
	if err := im.rows(file, count); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil || rows == 0 {
		return nothing, err
	}
	var made struct {
		ID string `json:"id"`
	}
	ask := map[string]any{"seats": rows, "minutes": 24 * 60, "purpose": "import of " + im.path}
	if err := im.client.api(ctx, im.org, http.MethodPost, "/reservations", ask, &made); err != nil {
		return nil, fmt.Errorf("%d seats cannot be reserved: %w", rows, err)
	}
	im.client.reservation = made.ID
	im.keep(false)
	return im.release(ctx), nil
}

// stillReserved takes up the reservation of an earlier run, if there still is one.
func (im *importer) stillReserved(ctx context.Context) (bool, error) {
	var have struct {
		Expires time.Time `json:"expiresAt"`
	}
	err := im.client.api(ctx, im.org, http.MethodGet, "/reservations/"+im.reserved, nil, &have)
	var p *problem
	switch {
	case errors.As(err, &p) && p.status == http.StatusNotFound:
		return false, nil
	case err != nil:
		return false, err
	case time.Until(have.Expires) <= 0:
		return false, nil
	}
	im.client.reservation = im.reserved
	return true, nil
}

// release gives back what is left of the reservation.
func (im *importer) release(ctx context.Context) func() error {
	id := im.client.reservation
	return func() error {
		im.client.reservation = ""
		return im.client.api(context.WithoutCancel(ctx), im.org, http.MethodDelete, "/reservations/"+id, nil, nil)
	}
}

// state is the file that keeps the place to resume at.
func (im *importer) state() string { return im.path + ".usher-import" }

// readState reads the last row that is done and, if there is one, the reservation.
func readState(path string) (last int, reserved string, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	number, reserved, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	n, err := strconv.Atoi(number)
	if err != nil || strings.ContainsAny(reserved, "/?#\n") {
		return 0, "", fmt.Errorf("the file %s does not hold a number of rows; delete it to import from the first row", path)
	}
	return n, reserved, nil
}

// keep notes the place to resume at and the reservation, or forgets them when there is
// nothing to go on with. It only costs time when that fails.
func (im *importer) keep(complete bool) {
	switch {
	case im.dry, im.last == 0 && im.client.reservation == "":
	case complete:
		_ = os.Remove(im.state())
	default:
		_ = os.WriteFile(im.state(), []byte(strings.TrimSpace(strconv.Itoa(im.last)+"\n"+im.client.reservation)), 0o600)
	}
}
