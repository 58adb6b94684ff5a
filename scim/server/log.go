package server

import (
	"log/slog"
	"time"
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
		slog.String("method", safeMethod(x.r.Method)), slog.String("route", pattern), slog.Int("status", x.status),
		slog.Duration("took", time.Since(x.began)), slog.Int("bytes", x.written), slog.String("request", x.requestID),
		slog.String("organization", string(x.principal.Org)), slog.String("connection", string(x.principal.Connection.ID)),
	}
	if x.cause != nil && x.status >= 500 {
		attrs = append(attrs, slog.String("cause", x.cause.Error()))
	}
	x.s.opts.Logger.LogAttrs(x.r.Context(), level, "request", attrs...)
}
