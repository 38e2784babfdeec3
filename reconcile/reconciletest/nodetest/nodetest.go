// Package nodetest starts what nobody here wrote, and what runs on Node: a SCIM server and a
// SCIM library that tests are held against.
package nodetest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Start runs a script, until the test ends, in the folder that a variable of the environment
// names. It gives what the script reads and what it prints.
func Start(t testing.TB, variable, script string) (io.Writer, *bufio.Reader) {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		t.Fatalf("%s must name a folder with %s and its packages installed; .ci/run does that", variable, script)
	}
	cmd := exec.Command("node", script)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	return stdin, bufio.NewReader(stdout)
}

// Scimmy starts the SCIM server of sinks/tomorro/testdata/scimmy and gives its address.
func Scimmy(t testing.TB) string {
	t.Helper()
	_, out := Start(t, "TOMORRO_SYNC_SCIMMY", "server.mjs")
	address, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}
