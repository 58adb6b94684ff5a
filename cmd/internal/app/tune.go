package app

import "os"

// headroom is garbage that may gather beside what is in use.
const headroom = 24 << 20

// spaciousHeap makes the collector run less often: what is in use is so little
// that it would run hundreds of times a second under load. The block is never
// touched, so it takes addresses but no memory; unlike a higher GOGC it does not
// let a large heap grow by its multiple, and unlike a memory limit it does not
// choke a heap that must be large. An operator's own settings are left alone.
func spaciousHeap() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, headroom)
}
