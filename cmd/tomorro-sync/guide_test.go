package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// guideRows is how many sentences of the set-up guide ask for something or promise it.
const guideRows = 59

// guideRow is one line of testdata/guide.md.
type guideRow struct {
	number                  int
	says                    string
	commands, tests, remark string
}

var inBackticks = regexp.MustCompile("`([^`]+)`")

func readGuide(t *testing.T) (text string, rows []guideRow) {
	t.Helper()
	data, err := os.ReadFile("testdata/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(cells[1]))
		if err != nil {
			continue // a head
		}
		if len(cells) != 7 {
			t.Fatalf("row %d has %d cells", n, len(cells)-2)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, guideRow{n, cells[2], cells[3], cells[4], cells[5]})
	}
	return string(data), rows
}

// TestGuide: each sentence of the guide is in the table, with commands that the
// program has and tests that the source has.
func TestGuide(t *testing.T) {
	t.Parallel()
	text, rows := readGuide(t)
	if len(rows) != guideRows {
		t.Errorf("%d sentences, want %d", len(rows), guideRows)
	}
	root := (&program{}).rootCommand()
	said := make(map[string]bool)
	for i, r := range rows {
		if r.number != i+1 || r.says == "" || said[r.says] {
			t.Errorf("row %d is number %d, or says nothing new", i+1, r.number)
		}
		said[r.says] = true
		commands, tests := inBackticks.FindAllStringSubmatch(r.commands, -1), inBackticks.FindAllStringSubmatch(r.tests, -1)
		if len(commands) == 0 || len(tests) == 0 {
			t.Errorf("row %d names no command or no test: %s", r.number, r.says)
		}
		for _, m := range commands {
			if c, _, err := root.Find(strings.Fields(m[1])); err != nil || c.CommandPath() != "tomorro-sync "+m[1] {
				t.Errorf("row %d: there is no command %q", r.number, m[1])
			}
		}
		for _, m := range tests {
			if err := testExists(m[1]); err != nil {
				t.Errorf("row %d: %v", r.number, err)
			}
		}
	}
	compareGuide(t, text, rows)
}

// testExists looks for a test, written directory.TestName or directory.TestName/case: a
// case is the beginning of a name in the source, or a directory of testdata.
func testExists(name string) error {
	dir, test, ok := strings.Cut(name, ".Test")
	if !ok {
		return fmt.Errorf("%q is not written directory.TestName", name)
	}
	test, sub, _ := strings.Cut(test, "/")
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		return err
	}
	found, hasCase := false, sub == ""
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		found = found || strings.Contains(string(source), "func Test"+test+"(")
		hasCase = hasCase || strings.Contains(string(source), `"`+sub)
	}
	if !hasCase {
		_ = filepath.WalkDir(filepath.Join("..", "..", filepath.FromSlash(dir), "testdata"), func(_ string, e fs.DirEntry, err error) error {
			hasCase = hasCase || err == nil && e.IsDir() && e.Name() == sub
			return nil
		})
	}
	if !found || !hasCase {
		return fmt.Errorf("there is no test %s", name)
	}
	return nil
}

// compareGuide takes the sentences out of the guide's text, which is not part of the
// sources: GUIDE names the file.
func compareGuide(t *testing.T, text string, rows []guideRow) {
	t.Helper()
	file := os.Getenv("GUIDE")
	if file == "" {
		return
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest := strings.Join(strings.Fields(string(data)), " ")
	longest := slices.SortedStableFunc(slices.Values(rows), func(a, b guideRow) int {
		return cmp.Compare(len([]rune(b.says)), len([]rune(a.says)))
	})
	for _, r := range longest {
		if !strings.Contains(rest, r.says) {
			t.Errorf("row %d is not in the guide: %s", r.number, r.says)
		}
		rest = strings.Replace(rest, r.says, "\n", 1)
	}
	rest = strings.Join(strings.Fields(rest), " ")
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(rest)))[:16]
	if want := fmt.Sprintf("%d words, sha256 %s…", len(strings.Fields(rest)), sum); !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
		t.Errorf("the rest of the guide is %s:\n%s", want, rest)
	}
}
