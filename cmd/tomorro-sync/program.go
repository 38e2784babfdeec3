package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tomorro-sync/jobs"
	"tomorro-sync/jobs/metrics"
	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// runner is the flow that plan and reconcile start.
type runner interface {
	// Plan reads both sides and decides; it writes nothing.
	Plan(ctx context.Context) (reconcile.Plan, error)
	// Compare tells what another policy would do differently.
	Compare(ctx context.Context, former reconcile.Policy) (reconcile.Comparison, error)
	// Explain tells why the plan says what it says of one person.
	Explain(ctx context.Context, who string, whatIf func(*reconcile.Directory) error) ([]reconcile.Explanation, error)
	// Reconcile makes one run; approve is asked with the plan before anything
	// is written.
	Reconcile(ctx context.Context, by jobs.Trigger, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error)
	// Undo makes one run that takes back what another did.
	Undo(ctx context.Context, by jobs.Trigger, what jobs.UndoWhat, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error)
	// Regroup makes one run about memberships alone: those that the rules give, and
	// RegroupTo those that there were.
	Regroup(ctx context.Context, by jobs.Trigger, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error)
	RegroupTo(ctx context.Context, by jobs.Trigger, were []reconcile.Group, approve func(reconcile.Plan) (bool, error)) (jobs.Report, error)
	// Look reads both sides as they are now; it writes nothing.
	Look(ctx context.Context) (reconcile.Directory, reconcile.Current, error)
	// Survey reads both sides and what is remembered; it writes nothing.
	Survey(ctx context.Context) (jobs.Survey, error)
	// Recover settles what a process that died left open.
	Recover(ctx context.Context) ([]jobs.SettledIntent, error)
}

// memory is what commands read and change in Redis beside a run.
type memory interface {
	jobs.JournalReader
	jobs.Follower
	jobs.Eraser
	jobs.Ticks
	jobs.Passes
	jobs.Wishes
	jobs.Pauser
	jobs.Forgiver
	jobs.Observer
	jobs.Decisions
	jobs.Journal
	jobs.Pins
	jobs.Adoptions
	jobs.Budget
	jobs.Queue
	jobs.Assertions
	jobs.AlertBook
	jobs.Shelf
	jobs.Sealer
	jobs.Memory
}

// session says what a command needs of a connection.
type session struct {
	config   *config
	approved string    // the id of an approved plan, or empty
	user     string    // the one person to look at, or empty
	store    bool      // Redis: the lock, the journal, the links
	remember bool      // read from Redis what is remembered, if one is named and can be reached
	serving  bool      // runs are logged, with their ids
	runs     bool      // makes a run that is about everybody, or may be
	moved    bool      // the organisation has new addresses
	later    bool      // Redis need not answer yet; then nothing that it knows is known, and no run may be made
	embedded bool      // a Redis inside this process instead of the configured one
	progress *progress // nil-safe
	log      *slog.Logger
}

// connector opens what a session needs. Close must be called when it is done.
type connector interface {
	open(ctx context.Context, s session) (*connection, error)
}

// connection is both services and, if asked for, Redis.
type connection struct {
	runner runner
	memory memory               // nil without Redis
	desk   *desk                // when serving
	counts func() []metrics.API // what the clients counted; nil when they are not configured
	target jobs.Target          // nil when it is not configured
	// outlook tells what a run would ask of both services; nil when they are not configured.
	outlook func(context.Context, *reconcile.Plan) *outlook
	close   func()
	changes jobs.Changes // while serving: who changed at OneLogin
}

// program is one start of tomorro-sync.
type program struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	interactive    bool // a person can be asked: stdin and stderr are terminals
	connector      connector
	called         string // how the shell finds the program; by its name when empty

	configFiles []string
	output      string
	noColor     bool
}

// runAs is the whole program, which the shell finds as called: it returns the exit code.
func runAs(ctx context.Context, called string, connect connector, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{
		called: called, environ: environ, stdin: stdin, stdout: stdout, stderr: stderr,
		interactive: isTerminal(stdin) && isTerminal(stderr), connector: connect,
	}
	return p.execute(ctx, args)
}

func isTerminal(stream any) bool {
	_, ok := terminal(stream)
	return ok
}

// terminal is the terminal that a stream goes to or comes from, if it does.
func terminal(stream any) (*os.File, bool) {
	if o, ok := stream.(*output); ok {
		stream = o.to
	}
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

func (p *program) execute(ctx context.Context, args []string) int {
	out := &output{to: p.stdout}
	p.stdout = out
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	f := &failure{code: exitDone}
	if err != nil {
		f = classify(ctx, err)
	}
	f = out.judge(f)
	f.hint = words.Pasted(f.hint, p.command())
	f.tell(p.stdout, p.stderr, p.wantsJSON(args) && out.complete())
	return f.code
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "tomorro-sync",
		Short:         "Make Tomorro's accounts and groups equal to what OneLogin says",
		Long:          manual,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(misspelt(cmd, "unknown command", args[0]), "list the commands with: tomorro-sync --help")
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return p.checkOutput(cmd)
		},
	}
	flags := root.PersistentFlags()
	flags.StringArrayVar(&p.configFiles, "config", nil, "configuration `FILE`; tomorro-sync.yaml of this directory when there is one")
	flags.StringVarP(&p.output, "output", "o", "text", "`FORMAT` of the result: text or json")
	flags.BoolVar(&p.noColor, "no-color", false, "no colours; the variable NO_COLOR does the same")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(flagError(err), "see: "+cmd.CommandPath()+" --help")
	})
	p.wrapHelp(root)
	root.AddCommand(p.demoCommand(), p.initCommand(), p.planCommand(), p.checkCommand(), p.explainCommand(), p.reconcileCommand(), p.holdsCommand(), p.approveCommand(), p.rejectCommand(), p.undoCommand(), p.releaseCommand(), p.serveCommand(), p.alertsCommand(), p.scheduleCommand(), p.journalCommand(), p.reportCommand(), p.groupsCommand(), p.adoptCommand(), p.simulateCommand(), p.versionCommand())
	mendHelp(root)
	return root
}

// checkOutput refuses formats that a command does not have: only the journal's
// have csv.
func (p *program) checkOutput(cmd *cobra.Command) error {
	formats := []string{"text", "json"}
	if cmd.Annotations["csv"] != "" {
		formats = append(formats, "csv")
	}
	if !slices.Contains(formats, p.output) {
		return usage(fmt.Errorf("--output %q is not one of %s", p.output, strings.Join(formats, ", ")), "write --output json, or leave it out")
	}
	return nil
}

// wantsJSON also knows when the flags could not be read to their end.
func (p *program) wantsJSON(args []string) bool {
	if p.output == "json" || slices.Contains(args, "--output=json") || slices.Contains(args, "-ojson") || slices.Contains(args, "-o=json") {
		return true
	}
	i := slices.IndexFunc(args, func(a string) bool { return a == "--output" || a == "-o" })
	return i >= 0 && i+1 < len(args) && args[i+1] == "json"
}

func (p *program) asJSON() bool { return p.output == "json" }

// logger writes warnings and errors to stderr.
func (p *program) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (p *program) screen(out io.Writer) *screen {
	s := newScreen(out, p.plain())
	s.command = p.command()
	return s
}

// command is how the program is called for the same configuration once more.
func (p *program) command() string {
	if len(p.configFiles) != 1 || p.configFiles[0] == defaultConfigFile {
		return p.name()
	}
	return p.name() + " --config " + word(p.configFiles[0])
}

// commandElsewhere is how the program is called for the configuration of a connection that
// is served, by people who are not where serve was started.
func (p *program) commandElsewhere(connection int) string {
	if len(p.configFiles) == 0 {
		return commandName
	}
	file := p.configFiles[connection]
	if absolute, err := filepath.Abs(file); err == nil {
		file = absolute
	}
	return commandName + " --config " + word(file)
}

// name is how the shell finds the program.
func (p *program) name() string { return cmp.Or(p.called, commandName) }

// calledAs is how the shell finds a program that was started as arg0: by its name where
// that finds this very file, else as it was.
func calledAs(arg0 string) string {
	switch {
	case !strings.ContainsRune(arg0, filepath.Separator):
		return commandName
	case strings.Contains(arg0, filepath.FromSlash("/go-build")): // go run removes it afterwards
		return "go run ./cmd/" + commandName
	}
	self, err := os.Stat(arg0)
	if found, missing := exec.LookPath(commandName); err == nil && missing == nil {
		if info, err := os.Stat(found); err == nil && os.SameFile(self, info) {
			return commandName
		}
	}
	return word(arg0)
}

func (p *program) plain() bool {
	noColor := slices.ContainsFunc(p.environ, func(v string) bool { return len(v) > 9 && v[:9] == "NO_COLOR=" })
	return p.noColor || noColor || slices.Contains(p.environ, "TERM=dumb")
}

// configuration loads and checks the configuration. Every mistake in it ends
// the program with exit 2.
func (p *program) configuration() (*config, error) {
	c, err := p.load()
	if err == nil {
		err = p.asConfigured(usage(c.validate(), configHint))
	}
	return c, err
}

// asConfigured is what is wrong with a configuration, and where there is none, that.
func (p *program) asConfigured(err error) error {
	named := slices.ContainsFunc(p.configFiles, func(file string) bool { return file != "" })
	if err == nil || named || len(ours(p.environ)) > 0 {
		return err
	}
	if _, missing := os.Stat(defaultConfigFile); !errors.Is(missing, os.ErrNotExist) {
		return err
	}
	return usage(errors.New("there is no configuration: "+defaultConfigFile+" is not in this directory, and --config names no other"),
		"make one with: tomorro-sync init; or name yours with --config FILE")
}

const configHint = "correct the configuration file or the environment; every key is listed by: tomorro-sync --help"

// load reads the one configuration of most commands.
func (p *program) load() (*config, error) {
	if len(p.configFiles) > 1 {
		return nil, usage(errors.New("--config is given more than once"), "only serve takes several; name the one of the connection that you mean")
	}
	for _, m := range misspelled(p.environ) {
		p.logger().Warn(m)
	}
	file := ""
	if len(p.configFiles) == 1 {
		file = p.configFiles[0]
	}
	c, err := loadConfig(file, p.environ)
	hint := configHint
	if _, missing := os.Stat(file); file != "" && errors.Is(missing, os.ErrNotExist) {
		hint = "look at the path; or make a new configuration there with: tomorro-sync init"
	}
	return c, usage(err, hint)
}

// storeGiven makes sure that a command which needs Redis can find it.
func (c *config) storeGiven() error {
	var all checks
	all.required(c.secrets()[2])
	return usage(errors.Join(all...), "start a Redis and name it in redis.url; plan needs none")
}

// connected connects to what the configuration names, for as long as work lasts.
func (p *program) connected(ctx context.Context, s session, work func(*config, *connection) error) error {
	c, err := p.configuration()
	if err != nil {
		return err
	}
	s.config = c
	return p.open(ctx, s, func(conn *connection) error { return work(c, conn) })
}

// open connects, for as long as work lasts. It fails when the session needs a Redis and
// none is named.
func (p *program) open(ctx context.Context, s session, work func(*connection) error) error {
	if s.store && !s.embedded {
		if err := p.asConfigured(s.config.storeGiven()); err != nil {
			return err
		}
	}
	s.log = p.logger()
	s.progress = p.newProgress()
	defer s.progress.stop()
	c, err := p.connector.open(ctx, s)
	if err != nil {
		return err
	}
	defer c.close()
	return work(c)
}
