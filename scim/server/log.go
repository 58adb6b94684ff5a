package server

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/usher-scim/usher/auth"
)

// log writes the one line of a request. It names no person: no query, no body,
// no header (K72).
func (x *exchange) log() {
	level := slog.LevelInfo
	if x.status >= 500 {
		level = slog.LevelError
	}
	if !x.s.opts.Logger.Enabled(x.r.Context(), level) {
		return
	}
	pattern := "other"
	if x.route != nil {
		pattern = x.route.pattern
	}
	attrs := []slog.Attr{
		slog.String("method", knownMethod(x.r.Method)), slog.String("route", pattern), slog.Int("status", x.status),
		slog.Float64("duration_ms", float64(time.Since(x.began).Microseconds())/1000), slog.Int("bytes", x.written), slog.String("request", x.requestID),
		slog.String("organization", string(x.principal.Org)), slog.String("connection", string(x.principal.Connection.ID)),
	}
	if x.cause != nil && (x.status >= 500 || x.status == http.StatusUnauthorized) {
		attrs = append(attrs, slog.String("cause", causeOf(x.cause)))
	}
	x.s.opts.Logger.LogAttrs(x.r.Context(), level, "request", attrs...)
}

// causeOf is what precisely was wrong. Of a credential the answer does not tell (K15).
func causeOf(err error) string {
	var denied *auth.Error
	if errors.As(err, &denied) && denied.Cause != nil {
		return denied.Cause.Error()
	}
	return err.Error()
}

// knownMethod keeps what a client made up out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
