package vrrp

import (
	"fmt"
	"slices"
)

// ReportKind says what a member tells its sync group.
type ReportKind uint8

// Kinds of report.
const (
	ReportWants   ReportKind = iota // would become Master, if all the others would too
	ReportContent                   // no longer: a Master is heard
	ReportMaster                    // became Master
	ReportBackup                    // stopped being Master, without a fault
	ReportFault                     // a fault of its own began
	ReportHealthy                   // its own faults ended
	ReportStopped                   // was stopped
)

var reportTexts = [...]string{"wants", "content", "master", "backup", "fault", "healthy", "stopped"}

// String returns the kind in one word.
func (k ReportKind) String() string {
	if int(k) < len(reportTexts) {
		return reportTexts[k]
	}
	return fmt.Sprintf("ReportKind(%d)", uint8(k))
}

// Report is what a member tells its sync group.
type Report struct {
	Member string // instance
	Kind   ReportKind
	Text   string // why, for ReportFault and ReportBackup
}

// String returns the report as one line.
func (r Report) String() string {
	if r.Text == "" {
		return r.Kind.String()
	}
	return r.Kind.String() + ": " + r.Text
}

// OrderKind says what a sync group orders.
type OrderKind uint8

// Kinds of order.
const (
	OrderPromote OrderKind = iota // become Master
	OrderDemote                   // stop being Master
	OrderFault                    // be FAULT: another member is
	OrderClear                    // no other member is FAULT any more
)

var orderTexts = [...]string{"promote", "demote", "fault", "clear"}

// String returns the kind in one word.
func (k OrderKind) String() string {
	if int(k) < len(orderTexts) {
		return orderTexts[k]
	}
	return fmt.Sprintf("OrderKind(%d)", uint8(k))
}

// Order is what a sync group tells a member; it reaches it as [GroupOrder].
type Order struct {
	Member string
	Kind   OrderKind
	Text   string // why
}

// String returns the order as one line.
func (o Order) String() string { return fmt.Sprintf("%s: %v: %s", o.Member, o.Kind, o.Text) }

// Group keeps the instances of a sync group in one state: all become Master
// together, when each of them would; when one stops being Master all do; and
// while one is FAULT all are. It is a pure value like a Router.
type Group struct {
	Name    string
	state   State
	members []member
}

type member struct {
	name  string
	state State
	wants bool
	fault string // its own fault, "" if none
	held  bool   // FAULT by our order
}

// NewGroup returns a group of the named instances.
func NewGroup(name string, members ...string) Group {
	g := Group{Name: name}
	for _, m := range members {
		g.members = append(g.members, member{name: m})
	}
	return g
}

// State returns the state of the group, for its own hooks: MASTER if all
// members are, FAULT if any is, BACKUP otherwise, INIT before the first report.
func (g Group) State() State { return g.state }

// Step takes a member's report and returns the group as it is then, and orders
// to members in the order in which they are to be delivered, once all actions
// that came with the report are done. A report of a stranger changes nothing.
func (g Group) Step(rep Report) (Group, []Order) {
	i := slices.IndexFunc(g.members, func(m member) bool { return m.name == rep.Member })
	if i < 0 {
		return g, nil
	}
	g.members = slices.Clone(g.members)
	orders := g.take(&g.members[i], rep)
	orders = append(orders, g.spreadFaults()...)
	orders = append(orders, g.promoteIfAgreed()...)
	g.state = g.joint()
	return g, orders
}

// take notes the report and returns the orders that follow from it at once.
func (g *Group) take(m *member, rep Report) []Order {
	switch rep.Kind {
	case ReportWants:
		m.wants = true
	case ReportContent:
		m.wants = false
	case ReportMaster:
		m.state, m.wants = Master, false
	case ReportBackup:
		was := m.state
		m.state, m.wants = Backup, false
		if was == Master {
			return g.demoteOthers(m, rep.Text)
		}
	case ReportFault:
		m.state, m.wants, m.fault = Fault, false, cmpText(rep.Text)
	case ReportHealthy:
		m.state, m.fault = Backup, ""
	case ReportStopped:
		m.state, m.wants, m.fault = Init, false, ""
	}
	return nil
}

// demoteOthers follows a member that gave way: the addresses of one group must
// not be on two nodes.
func (g *Group) demoteOthers(m *member, why string) []Order {
	var orders []Order
	for i := range g.members {
		other := &g.members[i]
		if other.name != m.name && other.state == Master {
			other.state = Backup
			orders = append(orders, Order{other.name, OrderDemote, fmt.Sprintf("%s of group %s gave way: %s", m.name, g.Name, why)})
		}
		other.wants = false
	}
	return orders
}

// spreadFaults holds every member in FAULT that has a faulty other, and lets
// those go that have none any more.
func (g *Group) spreadFaults() []Order {
	var orders []Order
	for i := range g.members {
		m := &g.members[i]
		j := slices.IndexFunc(g.members, func(o member) bool { return o.name != m.name && o.fault != "" })
		switch {
		case j >= 0 && !m.held:
			m.held, m.wants, m.state = true, false, Fault
			faulty := &g.members[j]
			orders = append(orders, Order{m.name, OrderFault, fmt.Sprintf("%s of group %s: %s", faulty.name, g.Name, faulty.fault)})
		case j < 0 && m.held:
			m.held = false
			orders = append(orders, Order{m.name, OrderClear, fmt.Sprintf("no other of group %s is at fault", g.Name)})
		}
	}
	return orders
}

// promoteIfAgreed makes all Master when each of them is or would be. Without
// this rule a link that loses the Master's advertisements on one interface
// would tear the group apart.
func (g *Group) promoteIfAgreed() []Order {
	var orders []Order
	for i := range g.members {
		m := &g.members[i]
		switch {
		case m.fault != "" || m.held:
			return nil
		case m.wants:
			orders = append(orders, Order{m.name, OrderPromote, fmt.Sprintf("all of group %s agree", g.Name)})
		case m.state != Master:
			return nil
		}
	}
	for i := range g.members {
		if m := &g.members[i]; m.wants {
			m.wants, m.state = false, Master
		}
	}
	return orders
}

func (g *Group) joint() State {
	masters := 0
	for i := range g.members {
		switch m := &g.members[i]; {
		case m.fault != "" || m.held:
			return Fault
		case m.state == Master:
			masters++
		}
	}
	if masters == len(g.members) {
		return Master
	}
	return Backup
}

func cmpText(text string) string {
	if text == "" {
		return "at fault"
	}
	return text
}
