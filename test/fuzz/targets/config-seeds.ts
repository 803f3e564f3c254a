/** Honest files to begin with. */

const small = `project: shop
services:
  carts:
    path: services/carts
    build: make
    artifact: { bundle: { include: [out/**] } }
    run: { command: ./serve, port: PORT, health: /healthz }
    env: { TOKEN: { from: TOKEN, secret: true } }
environments:
  stage:
    on: { branch: main }
    target: { fleet: { hosts: [local], replicas: 2 } }
`

const anchored = `project: shop
services:
  a: &base
    inputs: &paths [a/**, "b/[id].ts"]
    build: make a
  b: { inputs: *paths, build: "make b" }
  c: *base
environments:
  prod:
    on: [{ tag: "v{version}" }, { branch: 'releases/*' }]
    after: []
    approval: { by: ["@admins", a@example.com], quorum: 2, expires: 7d }
    windows: [{ cron: "0 9 * * 1-5", duration: 8h, timezone: Europe/Berlin }]
    target: { fleet: {} }
people:
  admins: [{ email: a@example.com }]
`

export const seeds = {
  configurations: [small, anchored],
  dotenv: [
    'A=1\nexport B="two\\n\u0024{A}"\n# comment\nC=\'three\nlines\' # more\nD=`x`\n',
    'URL=https://a.example/?x=1#frag\r\nEMPTY=\r\nSPACED = a b c # d\r\n',
  ],
  keyed: {
    '.env': ['a=1\nversions.kotlin="2\\n"\nb=`x`\n'],
    'versions.json': [
      '{"a": 1, "versions": {"kotlin": "2.0", "b": [1, {"c": null}]}, /* x */ "constructor": {"x": 1},}',
    ],
    'versions.yaml': ['a: 1\nversions: { kotlin: "2.0", b: [1, { c: ~ }] }\nx: &y [1]\nz: *y\n'],
    'versions.toml': ['a = 1\n[versions]\nkotlin = "2.0"\nwhen = 2026-01-01T00:00:00Z\n[[list]]\nb = [1, 2.5, 0x10]\n'],
  },
  dockerfiles: [
    '# escape=\\\nARG A=1\nFROM node:24 AS build\nARG A\nENV X=\u0024{A:-y}\nCOPY --from=0 ["a b", "c"] /x\nCOPY package*.json \\\n  ./\nRUN --mount=type=bind,source=x,target=/y <<EOF\nx\nEOF\nFROM build\nADD https://x.example/y $X ./\n',
    'FROM scratch\nCOPY \u0024{X:+z} a/$Y/b .\n',
  ],
  packages: [
    '{"name":"a","version":"1.0.0","workspaces":["packages/*","!packages/x"],"dependencies":{"b":"workspace:*","c":"file:../c"},"pnpm":{"patchedDependencies":{"d":"p.patch"}}}',
    '{ // comment\n "extends": ["./base", "../x"], /* y */ "references": [{ "path": "../b" },], "compilerOptions": {"paths": {"@/*": ["../c/*"]}} }',
  ],
  toml: [
    '[project]\nname = "a"\ndependencies = ["b @ file:../b", "c[x]>=1"]\n[tool.poetry.dependencies]\nd = { path = "../d", develop = true }\n[tool.uv.workspace]\nmembers = ["p/*"]\n',
  ],
  goModules: ['module example.com/a\n\ngo 1.24\n\nreplace (\n\texample.com/b => ../b // x\n)\nuse ./c\n'],
  goSources: [
    'package a\n\nimport (\n\t"fmt"\n\tb `example.com/b`\n\t// c\n)\n\n//go:embed all:static *.txt "x y"\nvar s string /* " */ = "\\""\nfunc f() { r := \'"\' }\n',
  ],
  commands: [
    'cd services/a && docker build -t x --build-arg A=1 -f Dockerfile . || echo "no $A"; FOO=bar npm run build -- --x # c',
    "go build -o out ./cmd/x && ( cd y; make ) | tee 'a b' \\\n  && `z`",
  ],
}
