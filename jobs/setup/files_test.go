package setup_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tomorro-sync/jobs/setup"
)

func goOn() error { return nil }

// tree lists what is below dir: name, mode, text.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		text := ""
		if !e.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(data)
		}
		name, _ := filepath.Rel(dir, path)
		all[name] = info.Mode().String() + " " + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%v, want %v", got, want)
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is %q, want %q", name, got[name], text)
		}
	}
}

func three(dir string) []setup.File {
	return []setup.File{
		{Path: filepath.Join(dir, "secrets", "a"), Text: []byte("1\n")},
		{Path: filepath.Join(dir, "secrets", "b"), Text: []byte("2\n")},
		{Path: filepath.Join(dir, "c.yaml"), Text: []byte("3\n")},
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := setup.Write(three(dir), false, goOn); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"secrets": "drwx------ ", "secrets/a": "-rw------- 1\n", "secrets/b": "-rw------- 2\n", "c.yaml": "-rw------- 3\n"}
	same(t, tree(t, dir), want)

	if err := setup.Write(three(dir), false, goOn); err != nil { // the same text again
		t.Error(err)
	}
	other := three(dir)
	other[1].Text = []byte("22\n")
	if err := setup.Write(other, false, goOn); !errors.Is(err, setup.ErrExists) {
		t.Errorf("another text is written without force: %v", err)
	}
	same(t, tree(t, dir), want)
	if err := os.Chmod(filepath.Join(dir, "secrets"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := setup.Write(other, true, goOn); err != nil {
		t.Error(err)
	}
	want["secrets/b"] = "-rw------- 22\n"
	same(t, tree(t, dir), want)
}

// TestWriteIsAllOrNone stops at each file, and then lets each rename fail.
func TestWriteIsAllOrNone(t *testing.T) {
	for at := range 3 {
		dir, n := t.TempDir(), 0
		err := setup.Write(three(dir), false, func() error {
			if n++; n > at {
				return os.ErrDeadlineExceeded
			}
			return nil
		})
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("stopped at %d: %v", at, err)
		}
		same(t, tree(t, dir), nil)

		// Somebody makes a file of this name after it was looked for.
		dir, n = t.TempDir(), 0
		name := three(dir)[at].Path
		err = setup.Write(three(dir), false, func() error {
			if n++; n < 3 {
				return nil
			}
			return os.WriteFile(name, []byte("theirs"), 0o600)
		})
		if err == nil {
			t.Errorf("%s is overwritten", name)
		}
		left, _ := filepath.Rel(dir, name)
		want := map[string]string{left: "-rw------- theirs"}
		if at < 2 {
			want["secrets"] = "drwx------ "
		}
		same(t, tree(t, dir), want)
	}
	// What is there and no file is never replaced.
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "c.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := setup.Write(three(dir), true, goOn); !errors.Is(err, setup.ErrExists) {
		t.Error(err)
	}
	same(t, tree(t, dir), map[string]string{"c.yaml": "drwx------ "})
}

// TestWriteByForceIsAllOrNone: what was replaced comes back when a later one cannot be.
func TestWriteByForceIsAllOrNone(t *testing.T) {
	dir, n := t.TempDir(), 0
	if err := setup.Write(three(dir)[:2], false, goOn); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	other := three(dir)
	other[0].Text, other[1].Text = []byte("11\n"), []byte("22\n")
	err := setup.Write(other, true, func() error {
		if n++; n < 3 {
			return nil
		}
		return os.Mkdir(filepath.Join(dir, "c.yaml"), 0o700)
	})
	if err == nil {
		t.Error("a directory is overwritten")
	}
	before["c.yaml"] = "drwx------ "
	same(t, tree(t, dir), before)
}
