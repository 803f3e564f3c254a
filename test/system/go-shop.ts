/** Two Go services in one module, as a Go programmer lays them out, and the whole configuration that delivers them. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { FileChanges } from '../fixtures/repository.ts'

const execute = promisify(execFile)

/** `clock` says the time in words, `greeter` greets; both serve through `internal/web`. */
export const goShop: FileChanges = {
  'README.md': '# Two small services\n',
  'go.mod': 'module example.com/shop\n\ngo 1.21\n',
  'internal/web/web.go': `// Package web serves one answer and says that it is well.
package web

import (
	"net/http"
	"os"
)

// Serve answers every request with what answer says.
func Serve(answer func() string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer())) })
	return http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux)
}
`,
  'internal/greeting/greeting.go': `package greeting

// For greets someone by name.
func For(name string) string { return "hello, " + name }
`,
  'internal/greeting/greeting_test.go': `package greeting

import "testing"

func TestGreetsByName(t *testing.T) {
	if got := For("Ada"); got != "hello, Ada" {
		t.Fatal(got)
	}
}
`,
  'internal/hours/hours.go': `package hours

// Words says an hour in words.
func Words(hour int) string {
	if hour == 12 {
		return "noon"
	}
	return "some other time"
}
`,
  'cmd/greeter/main.go': mainOf('greeting', 'greeting.For("you")'),
  'cmd/clock/main.go': mainOf('hours', 'hours.Words(12)'),
  'cmd/clock/main_test.go': `package main

import (
	"testing"

	"example.com/shop/internal/hours"
)

func TestNoon(t *testing.T) {
	if hours.Words(12) != "noon" {
		t.Fatal("noon is noon")
	}
}
`,
}

export function mainOf(importing: string, answer: string): string {
  return `package main

import (
	"log"

	"example.com/shop/internal/${importing}"
	"example.com/shop/internal/web"
)

func main() {
	log.Fatal(web.Serve(func() string { return ${answer} }))
}
`
}

export const goShopConfiguration = (artifacts: string): string => `project: go-shop
artifacts: ${artifacts}
services:
  greeter:
    path: cmd/greeter
    checks: { test: go test ./internal/greeting ./cmd/greeter, vet: go vet ./cmd/greeter }
    build: go build -o cmd/greeter/ ./cmd/greeter
    artifact: { bundle: { include: [greeter] } }
    run: { command: ./greeter, port: PORT, health: /healthz }
  clock:
    path: cmd/clock
    checks: { test: go test ./cmd/clock, vet: go vet ./cmd/clock }
    build: go build -o cmd/clock/ ./cmd/clock
    artifact: { bundle: { include: [clock] } }
    run: { command: ./clock, port: PORT, health: /healthz }
environments:
  stage:
    on: { branch: main }
    target: { fleet: { hosts: [local], replicas: 2 } }
    verify: [{ name: it greets, http: /, service: greeter, contains: hello }]
  prod:
    on: { tag: "v*", reachableFrom: main }
    after: stage
    target: { fleet: { hosts: [local] } }
`

/** For \`test({ skip })\`: false where Go can be run, else why not; in CI a missing part is a failure. */
export async function goMissing(environment = process.env): Promise<string | false> {
  const found = await execute('go', ['version']).catch(() => null)
  return found !== null || environment['CI'] === 'true' ? false : 'go is not installed'
}

/** Where this machine keeps what Go compiled: a fresh one costs half a minute of compiling the standard library. */
export async function goCache(): Promise<string> {
  const { stdout } = await execute('go', ['env', 'GOCACHE'])
  return stdout.trim()
}
