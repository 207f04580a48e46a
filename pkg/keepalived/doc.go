// Package keepalived reads the language of keepalived.conf for the VRRP
// daemon vipd: text becomes lines in which every character knows its place,
// lines become a tree of blocks, and the tree becomes a typed, defaulted and
// checked [Config].
//
// It owns the grammar (comments, quotes, braces, variables, conditions,
// sequences, included files), the defaults and silent repairs of keepalived,
// and the sentences in which an operator is told what a file will do. It does
// not know what is done with a configuration, and touches neither the machine
// nor the clock: files come through an fs.FS, facts about the machine through
// [Facts].
//
// The entry points are [Parse] for a file, [CheckMachine] for a configuration
// and the machine that is to run it, [Describe] for plain sentences, and
// [Pair] for the files of two nodes.
//
// # What is an error
//
// keepalived drops what it cannot use and goes on. Here a dropped thing is an
// error wherever dropping it changes who is master, what is tracked or which
// address is served; elsewhere it is a warning, and so is every repair that
// keepalived makes in silence. [Options.Compat] turns each error about a
// dropped thing into keepalived's effect and a warning. What keepalived
// itself refuses stays an error.
package keepalived
