package mongotest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Kind is a sort of server.
type Kind int

// The sorts.
const (
	ReplicaSet Kind = iota // of one node
	Alone                  // without transactions
	ThreeNodes             // a replica set that can lose one
	Guarded                // a replica set of one node, with TLS and passwords
)

// Patience is how long a test that is not about time waits for its server, which a busy
// machine may keep from its work for longer than a store in service would wait.
const Patience = time.Minute

// setName is the name of the replica sets.
const setName = "rs0"

// Server is one or several processes of mongod on the loopback interface.
type Server struct {
	uri   string
	nodes []*node
}

// node is one process.
type node struct {
	binary, folder, address string
	flags                   []string
	options                 string // of an address, such as "&tls=true"
	cmd                     *exec.Cmd
	ended                   chan struct{}
}

// URI is the address of the server, without a database.
func (s *Server) URI() string { return s.uri }

var running struct {
	sync.Mutex
	servers []*Server
}

func stopAll() {
	running.Lock()
	defer running.Unlock()
	for _, s := range running.servers {
		s.Stop()
	}
	running.servers = nil
}

// start starts the processes and waits until there is a primary.
func start(kind Kind) (s *Server, err error) {
	binary, err := install()
	if err != nil {
		return nil, err
	}
	s = &Server{}
	running.Lock()
	running.servers = append(running.servers, s)
	running.Unlock()
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	count := 1
	if kind == ThreeNodes {
		count = 3
	}
	for range count {
		n, err := startNode(binary, kind)
		if err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, n)
	}
	s.uri = s.nodes[0].uri()
	if kind == Alone {
		return s, s.ask(func(ctx context.Context, c *driver.Client) error { return c.Ping(ctx, nil) })
	}
	if err := s.initiate(); err != nil {
		return nil, err
	}
	hosts := s.nodes[0].address
	for _, n := range s.nodes[1:] {
		hosts += "," + n.address
	}
	s.uri = "mongodb://" + hosts + "/?replicaSet=" + setName + s.nodes[0].options
	if kind == Guarded {
		return s, s.enrol()
	}
	return s, s.ask(func(ctx context.Context, c *driver.Client) error { return c.Ping(ctx, nil) })
}

// initiate makes a replica set of the nodes, and waits for its primary.
func (s *Server) initiate() error {
	members := bson.A{}
	for i, n := range s.nodes {
		members = append(members, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: n.address}})
	}
	config := bson.D{{Key: "_id", Value: setName}, {Key: "members", Value: members}, {Key: "settings", Value: bson.D{{Key: "electionTimeoutMillis", Value: 1000}}}}
	return s.ask(func(ctx context.Context, c *driver.Client) error {
		admin := c.Database("admin")
		if err := admin.RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: config}}).Err(); err != nil {
			return fmt.Errorf("make a replica set: %w", err)
		}
		for {
			var hello struct {
				Writable bool   `bson:"isWritablePrimary"`
				Primary  string `bson:"primary"`
			}
			err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
			if err == nil && (hello.Writable || hello.Primary != "") {
				return nil
			}
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

func startNode(binary string, kind Kind) (*node, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "mongotest")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	n := &node{binary: binary, folder: folder, address: address}
	n.flags = []string{"--bind_ip", "127.0.0.1", "--port", port, "--dbpath", folder, "--nounixsocket", "--logpath", filepath.Join(folder, "log"),
		"--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"}
	if kind != Alone {
		n.flags = append(n.flags, "--oplogSize", "64", "--replSet", setName, "--setParameter", "enableTestCommands=1")
	}
	if kind == Guarded {
		if err := n.guard(); err != nil {
			return nil, err
		}
	}
	return n, n.start()
}

// start runs the process and waits until it takes connections.
func (n *node) start() error {
	n.cmd, n.ended = exec.Command(n.binary, n.flags...), make(chan struct{})
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan struct{}) {
		runtime.LockOSThread() // the system ends the process with the thread that began it
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		began <- err
		if err == nil {
			_ = cmd.Wait() // it is told to end, or its log says why it did
		}
	}(n.cmd, n.ended)
	if err := <-began; err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c, err := driver.Connect(options.Client().ApplyURI(n.uri()))
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(context.Background()) }()
	for c.Ping(ctx, nil) != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("mongod did not start: %w", ctx.Err())
		case <-n.ended:
			log, _ := os.ReadFile(filepath.Join(n.folder, "log"))
			return fmt.Errorf("mongod ended: %s", log[max(0, len(log)-2000):])
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// uri is the address of this node alone.
func (n *node) uri() string { return "mongodb://" + n.address + "/?directConnection=true" + n.options }

// Stop ends the processes and removes what they wrote.
func (s *Server) Stop() {
	for _, n := range s.nodes {
		n.stop()
		_ = os.RemoveAll(n.folder) // a folder that stays is the system's to clear
	}
	s.nodes = nil
}

func (n *node) stop() {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-n.ended:
	case <-time.After(10 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
}

// Signal sends a signal to one node, as in a test of its loss.
func (s *Server) Signal(node int, sig os.Signal) error { return s.nodes[node].cmd.Process.Signal(sig) }

// Restart runs a node that was killed again.
func (s *Server) Restart(node int) error {
	<-s.nodes[node].ended
	return s.nodes[node].start()
}

// freeAddress is an address that nothing listens on.
func freeAddress() (string, error) {
	for i := range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(30500+(os.Getpid()*7+i*13+int(time.Now().UnixNano()/1000))%1500))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("there is no free port")
}
