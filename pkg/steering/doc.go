// Package steering owns the text of steering.yaml: it reads one or more files
// into one namespace of checks, sites and policies, finds every mistake with
// its place, and yields a typed, checked [Config].
//
// It does not read files from disk, run checks, or decide anything: policies
// come out as policy.Spec trees, which pkg/policy compiles. It knows neither
// zones nor geographic databases; a condition that no database carries is
// found when a policy is compiled.
//
// The entry points are [Parse] for the files, [Config.Resolve] for the data of
// a STEER record, and [Config.Review] for what only shows when all records are
// known.
package steering
