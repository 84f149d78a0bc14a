package relayapi

// The headers of a call.
const (
	HeaderTimeout  = "C2-Timeout"  // a duration as Go writes it
	HeaderResource = "C2-Resource" // the id of the only resource that may answer
	HeaderVia      = "C2-Via"      // the relay that passed the call on
)

// The types of bodies.
const (
	TypeJSON    = "application/json"
	TypeCBOR    = "application/cbor"
	TypeProblem = "application/problem+json"
)

// The paths, without the names that follow those that end in a slash.
const (
	PathResources = "/v1/resources"
	PathResolve   = "/v1/resolve/"
	PathStats     = "/v1/stats/"
	PathRoutes    = "/v1/routes"
	PathMembers   = "/v1/members"
	PathTable     = "/v1/table" // a relay's route table, for other relays
	PathHealth    = "/healthz"
	PathReady     = "/readyz"
	PathMetrics   = "/metrics"
)

// Announcement is a server's account of itself: all that it has, or a question whether the relay still has that
// revision if Resources is nil.
type Announcement struct {
	Instance  string      `json:"instance"` // of the ipc server, 32 hexadecimal digits
	Address   string      `json:"address"`  // its ipc address, with a path, as the relay may name sockets otherwise
	Revision  uint64      `json:"revision"` // grows with each change of Resources
	Resources []Announced `json:"resources,omitzero"`
}

// Announced is one resource of a server.
type Announced struct {
	Name string `json:"name"`
	ID   string `json:"id"` // 16 hexadecimal digits
}

// Acceptance answers an announcement.
type Acceptance struct {
	Relay       string    `json:"relay"`
	Incarnation string    `json:"incarnation"` // another one each time the relay starts
	Revision    uint64    `json:"revision"`
	Refused     []Refusal `json:"refused,omitempty"`
}

// Refusal says why a resource was not taken.
type Refusal struct {
	Name   string `json:"name"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Routes lists what a relay knows.
type Routes struct {
	Relay     string  `json:"relay"`
	Resources []Route `json:"resources"`
}

// Route is one candidate for a name.
type Route struct {
	Name      string `json:"name"`
	Contract  string `json:"contract"`
	Namespace string `json:"namespace,omitempty"`
	Version   string `json:"version,omitempty"`
	Place
	Reads  int    `json:"reads"`  // methods
	Writes int    `json:"writes"` // methods
	Calls  uint64 `json:"calls"`  // through the relay that answers
}

// Place is where a resource is.
type Place struct {
	Relay    string `json:"relay"`             // the relay that has the server
	URL      string `json:"url,omitempty"`     // its URL, if others are known to reach it there
	Address  string `json:"address,omitempty"` // the server's ipc address, if it is the answering relay's own
	Instance string `json:"instance"`          // the server's, 32 hexadecimal digits
	ID       string `json:"id"`                // the resource's, 16 hexadecimal digits
}

// Resolution says where a resource is: the candidates in the order in which they are to be tried, at least one.
type Resolution struct {
	Name       string  `json:"name"`
	Candidates []Place `json:"candidates"`
}

// Stats are the figures of a resource, of what went through one relay.
type Stats struct {
	Name     string            `json:"name"`
	Relay    string            `json:"relay,omitempty"`
	Since    string            `json:"since,omitempty"` // RFC 3339
	Calls    uint64            `json:"calls"`
	InFlight int64             `json:"in_flight"`
	Errors   map[string]uint64 `json:"errors,omitempty"` // by code
	Latency  Latency           `json:"latency"`
	Methods  []MethodStats     `json:"methods"`
}

// MethodStats are the figures of one method.
type MethodStats struct {
	Name    string            `json:"name"`
	Calls   uint64            `json:"calls"`
	Errors  map[string]uint64 `json:"errors,omitempty"`
	Latency Latency           `json:"latency"`
}

// Latency is how long calls took, in seconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Joining asks a relay to join the mesh of others: host:port of their gossip, or their URLs. One that can be joined is enough.
type Joining struct {
	Addresses []string `json:"addresses"`
}

// Members are the relays of a mesh, the one that answers first.
type Members struct {
	Relay   string   `json:"relay"`
	Members []Member `json:"members"`
}

// Member is one relay.
type Member struct {
	ID          string  `json:"id"`
	URL         string  `json:"url,omitempty"`
	Gossip      string  `json:"gossip,omitempty"` // host:port
	Status      string  `json:"status"`           // alive, superseded, leaving, left or failed
	Incarnation string  `json:"incarnation,omitempty"`
	Version     uint64  `json:"version"`       // of its route table, as this relay has it
	Routes      int     `json:"routes"`        // likewise
	RTT         float64 `json:"rtt,omitempty"` // seconds, as estimated
}
