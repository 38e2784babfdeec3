package reconcile

// UserTypeOf gives the role that a policy has for a title, with its cause, or why there is none.
func (p *Policy) UserTypeOf(title string) (u UserType, cause, hold string) {
	r := newTitleBook(p).read(title)
	return r.Type, r.Cause, r.Hold
}
