package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of secrets, in SecretsDir.
const (
	SecretsDir        = "secrets" // beside the configuration
	FileClientSecret  = "onelogin_client_secret"
	FileToken         = "tomorro_token"
	FileRedisURL      = "redis_url"
	FileRedisPassword = "redis_password"
	FileListenTokens  = "listen_tokens"
	FileValues        = "onelogin_values.txt" // what to paste into OneLogin, with the token
)

// ErrExists says that a file is there already that must not be overwritten.
var ErrExists = errors.New("exists already")

// File is one file to be written.
type File struct {
	Path string
	Text []byte
	// Derived says that the text follows from the answers: another one is replaced.
	Derived bool
}

// Files gives the files that the answers make beside the configuration: secrets, below
// dir. token is the listener's, if it is used and its file is to be made.
func Files(a *Answers, dir string, token Secret) []File {
	var all []File
	add := func(name string, text string) {
		if text != "" {
			all = append(all, File{filepath.Join(dir, name), []byte(text + "\n"), name == FileValues})
		}
	}
	add(FileClientSecret, string(a.OneLogin.ClientSecret))
	add(FileToken, string(a.Tomorro.Token))
	if a.Redis.inFile() {
		add(FileRedisURL, string(a.Redis.URL))
	}
	add(FileRedisPassword, string(a.Redis.Password))
	if a.BaseURL != "" {
		add(FileListenTokens, string(token))
		add(FileValues, Values(a.BaseURL, string(token)))
	}
	return all
}

// Write writes all files or none, each readable by its owner only (0600), and makes
// their directories so (0700). Each is written whole under another name first, and
// renamed when all are there, the last one last: whoever finds that one finds the
// others. Without force a file that exists with another text is an error that wraps
// ErrExists, and nothing is written. What a failure or stop, when it gives an error,
// leaves behind is taken away again.
func Write(files []File, force bool, stop func() error) (err error) {
	for _, f := range files {
		if err := f.Free(force); err != nil {
			return err
		}
	}
	var made, dirs []string
	defer func() {
		for _, name := range made {
			_ = os.Remove(name) // one that was renamed is not there any more
		}
		if err != nil {
			for _, d := range dirs {
				_ = os.Remove(d) // only if it is empty
			}
		}
	}()
	temporary := make([]string, len(files))
	for i, f := range files {
		fresh, err := private(filepath.Dir(f.Path))
		if err != nil {
			return err
		}
		if fresh {
			dirs = append(dirs, filepath.Dir(f.Path))
		}
		name, err := f.stage()
		if name != "" {
			made = append(made, name)
		}
		if err == nil {
			err = stop()
		}
		if err != nil {
			return err
		}
		temporary[i] = name
	}
	return place(files, temporary, force)
}

// place renames what is staged. If one cannot be, those before it are as they were.
func place(files []File, temporary []string, force bool) (err error) {
	var undo, tidy []func()
	defer func() {
		for _, back := range undo {
			if err != nil {
				back()
			}
		}
		for _, remove := range tidy {
			remove()
		}
	}()
	for i, f := range files {
		_, missing := os.Lstat(f.Path)
		fresh, former := errors.Is(missing, fs.ErrNotExist), temporary[i]+".former"
		switch {
		case fresh && !force && !f.Derived:
			err = os.Link(temporary[i], f.Path) // fails if somebody else was quicker
		case fresh:
			err = os.Rename(temporary[i], f.Path)
		case force || f.Derived:
			if err = os.Link(f.Path, former); err == nil {
				tidy = append(tidy, func() { _ = os.Remove(former) })
				err = os.Rename(temporary[i], f.Path)
			}
		default:
			err = f.Free(false) // it has the same text
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		if fresh {
			undo = append(undo, func() { _ = os.Remove(f.Path) })
		} else {
			undo = append(undo, func() { _ = os.Rename(former, f.Path) }) // where there is none, nothing changed
		}
	}
	return nil
}

// Free looks whether f may be written. The error wraps ErrExists if something is there that
// is no file, or, unless force is given or f is Derived, a file with another text.
func (f File) Free(force bool) error {
	info, err := os.Lstat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", f.Path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file: %w", f.Path, ErrExists)
	case force, f.Derived:
		return nil
	}
	text, err := os.ReadFile(f.Path)
	if err == nil && bytes.Equal(bytes.TrimRight(text, "\r\n"), bytes.TrimRight(f.Text, "\r\n")) {
		return nil
	}
	return fmt.Errorf("%s %w, with another text; start again with --force to replace it", f.Path, ErrExists)
}

// private makes a directory that only its owner can look into; fresh says that it was
// not there. One that is there keeps its mode, unless it is that of secrets.
func private(dir string) (fresh bool, err error) {
	err = os.Mkdir(dir, 0o700)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrExist):
		return false, fmt.Errorf("make the directory: %w", err)
	case filepath.Base(dir) == SecretsDir:
		if err := os.Chmod(dir, 0o700); err != nil {
			return false, fmt.Errorf("close the directory to others: %w", err)
		}
	}
	return false, nil
}

// stage writes the file under another name beside its own, and gives that name.
func (f File) stage() (name string, err error) {
	temp, err := os.CreateTemp(filepath.Dir(f.Path), "."+filepath.Base(f.Path)+".*") // 0600
	if err != nil {
		return "", fmt.Errorf("write %s: %w", f.Path, err)
	}
	_, err = temp.Write(f.Text)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return temp.Name(), fmt.Errorf("write %s: %w", f.Path, err)
	}
	return temp.Name(), nil
}
