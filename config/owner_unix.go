//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// mine reports whether the account of this process owns a file, and so decides who
// else may read it.
func mine(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(s.Uid) == os.Geteuid()
}
