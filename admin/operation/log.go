package operation

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/usher-scim/usher/auth"
)

type recordKey struct{}

// record is what the log tells of a request.
type record struct {
	http.ResponseWriter
	began         time.Time
	route         string
	caller        Caller
	cause         error // of an answer that says less
	status, bytes int
}

// recordOf is that of the request; one that nobody reads where there is none.
func recordOf(ctx context.Context) *record {
	if x, ok := ctx.Value(recordKey{}).(*record); ok {
		return x
	}
	return &record{}
}

// WriteHeader notes the status.
func (x *record) WriteHeader(status int) {
	x.status = status
	x.ResponseWriter.WriteHeader(status)
}

// Write counts what is answered.
func (x *record) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += n
	return n, err
}

// log writes the one line of a request, with the same keys as that of a SCIM request.
// It names no person: no id, no query, no body, no header (K72).
func (a *API) log(r *http.Request, x *record) {
	level := slog.LevelInfo
	if x.status >= 500 {
		level = slog.LevelError
	}
	method, route, found := strings.Cut(x.route, " ")
	if !found {
		method, route = "other", "other"
	}
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", x.status),
		slog.Float64("duration_ms", float64(time.Since(x.began).Microseconds())/1000), slog.Int("bytes", x.bytes), slog.String("request", RequestID(r.Context())),
		slog.String("organization", string(x.caller.Org)), slog.String("connection", string(x.caller.Connection.ID)),
	}
	if x.cause != nil && (x.status >= 500 || x.status == http.StatusUnauthorized) {
		attrs = append(attrs, slog.String("cause", causeOf(x.cause)))
	}
	a.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// causeOf is what precisely was wrong. Of a credential the answer does not tell (K15).
func causeOf(err error) string {
	var denied *auth.Error
	if errors.As(err, &denied) && denied.Cause != nil {
		return denied.Cause.Error()
	}
	return err.Error()
}
