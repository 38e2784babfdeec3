package reconcile

// WriteOp is one kind of request to Tomorro.
type WriteOp string

// The requests a run makes.
const (
	WriteCreateGroup WriteOp = "create_group"
	WriteCreateUser  WriteOp = "create_user"
	WriteUpdateUser  WriteOp = "update_user" // also reactivation and deactivation
	WriteMembers     WriteOp = "members"
	WriteDeleteUser  WriteOp = "delete_user"
	WriteDeleteGroup WriteOp = "delete_group"
)

// Write is one request to Tomorro, carrying one or more changes: all of a
// person's changes travel in one update, and a group's membership changes in
// one PATCH per chunk.
type Write struct {
	Op WriteOp `json:"op"`
	// Account is the whole resource as it shall be, for the user operations.
	// Its ID is empty for a create.
	Account Account `json:"account,omitzero"`
	// Before is what it was when Tomorro was read; zero for a create.
	Before Account `json:"before,omitzero"`
	// GroupID and Group name the group, for the group operations. GroupID is
	// empty for a create.
	GroupID string `json:"groupId,omitempty"`
	Group   string `json:"group,omitempty"`
	// Add and Remove are account ids, for WriteMembers.
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
	// Changes are the plan's changes that this request carries out.
	Changes []Change `json:"changes"`
}

// Written is what a sink learned from a write that took effect.
type Written struct {
	// ID is the account's or group's id; for a create, the new one.
	ID string
	// Account is the account as the service answered it, for the user
	// operations; its ID is empty when the service did not answer all of it.
	Account Account
	// Note is set when the effect was not plain, for example when the answer to
	// a create was lost and the account was found by looking.
	Note string
}
