// Package lifecycle has how people come, change and go beyond what a client writes into a
// record: invitations and passwords, conversions, purchases, transfers, closings, erasure,
// and the clock that does what time brings.
package lifecycle
