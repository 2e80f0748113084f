// Package deploy holds the tests of what agents are deployed with: the Helm chart, the
// manifest that is made of it, the kubectl plugin, rules and dashboard. They are read by
// the libraries of those who will read them.
package deploy
