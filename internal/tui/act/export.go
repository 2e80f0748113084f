package act

import (
	"errors"
	"os"
	"path/filepath"
)

// Export writes data to a new file in the current directory and returns its path.
func Export(name string, data []byte) (path string, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if path, _ = filepath.Abs(name); path == "" {
		path = name
	}
	return path, errors.Join(err, f.Close())
}
