// Package fleet holds the tests that meet real engines: they are heavy, or need libraries
// that the program must not. With TCPTOP_FLEET_TESTS=must an engine that is not here is a
// failure, else its tests are skipped; -short leaves out what takes minutes.
package fleet
