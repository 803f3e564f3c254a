import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { combinePolicyAndRecipe, parseProjectOrThrow } from '../../src/config/index.ts'
import { problemsIn } from './project-text.ts'

const ci = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXsYuPwJhybTLaJVQvZJhdFyBi/L/Zx2fHaKxBFcUTx'
const anna = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKMPzeWM1jzXlXLbnIL1/0Sq6fpN9QjkK4A4ux6Mt7z4'
const base = 'project: shop\nservices: { web: { path: web } }\n'

const parse = (text: string) => parseProjectOrThrow({ text: base + text, file: 'trunkline.yaml' })

const mistakesIn = (text: string): string[] => problemsIn(base + text)

describe('builders and people', () => {
  it('have one key or several, each always or for a time', () => {
    const project = parse(`
builders:
  - { name: ci, ssh: ${ci} }
  - name: server
    ssh: [${ci}, { key: ${anna}, from: 2026-01-01, until: "2027-01-01T12:00:00Z" }]
people: { admins: [{ email: anna@example.com, ssh: [${anna}] }] }
`)
    const always = { key: ci, fromMs: 0, untilMs: null }
    const aYear = { key: anna, fromMs: Date.parse('2026-01-01'), untilMs: Date.parse('2027-01-01T12:00:00Z') }
    assert.deepEqual(project.builders, [
      { name: 'ci', ssh: [always] },
      { name: 'server', ssh: [always, aYear] },
    ])
    assert.deepEqual(project.people['admins']?.[0]?.ssh, [{ key: anna, fromMs: 0, untilMs: null }])
  })

  it('may be the same: a group delivers with the keys of its people', () => {
    const project = parse(
      `builders: ["@admins"]\npeople: { admins: [{ email: anna@example.com, ssh: ${anna} }, { email: ben@example.com }] }\n`,
    )
    assert.deepEqual(
      project.builders.map(({ name, ssh }) => [name, ssh.length]),
      [
        ['anna@example.com', 1],
        ['ben@example.com', 0],
      ],
    )
  })

  it('are what trunk says: a commit cannot add its own key', () => {
    const trunk = parse(`builders: [{ name: ci, ssh: ${ci} }]\n`)
    const commit = parse(
      `builders: [{ name: mine, ssh: ${anna} }]\npeople: { admins: [{ email: me@example.com, ssh: ${anna} }] }\n`,
    )
    const { project } = combinePolicyAndRecipe(trunk, commit)
    assert.deepEqual(project.builders, trunk.builders)
    assert.deepEqual(project.people, {})
  })
})

describe('mistakes about signers', () => {
  const builder = `builders: [{ name: ci, ssh: ${ci} }]\n`
  const cases: Array<{ mistake: string; text: string; problems: string[] }> = [
    {
      mistake: 'a key that no signature could be checked with',
      text: `builders: [{ name: ci, ssh: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample }]\n`,
      problems: ['INVALID_KEY `ssh` is not a key that can be used: it ends too early'],
    },
    {
      mistake: 'a private key',
      text: `builders: [{ name: ci, ssh: "-----BEGIN OPENSSH PRIVATE KEY-----" }]\n`,
      problems: ['SECRET_IN_CONFIG `ssh` is a private key'],
    },
    {
      mistake: 'a group that is not there',
      text: `${builder.replace('[{', '["@admin", {')}people: { admins: [] }\n`,
      problems: ['UNKNOWN_GROUP unknown group `@admin`: did you mean `@admins`?'],
    },
    {
      mistake: 'a time that is none',
      text: `builders: [{ name: a, ssh: { key: ${ci}, until: tomorrow } }]\n`,
      problems: [
        'INVALID_VALUE `until` must be a day such as `2027-01-31` or a time such as `2027-01-31T12:00:00Z`, not "tomorrow"',
      ],
    },
    {
      mistake: 'a time that ends before it begins',
      text: `builders: [{ name: b, ssh: { key: ${ci}, from: 2026-02-01, until: 2026-01-01 } }]\n`,
      problems: ['INVALID_VALUE `ssh` ends before it begins'],
    },
    {
      mistake: 'builders of whom none has a key',
      text: `builders: ["@admins"]\npeople: { admins: [{ email: anna@example.com }] }\n`,
      problems: ['NO_SIGNER none of these builders has a key: nothing could ever be delivered'],
    },
    {
      mistake: 'approvers without a key, where approvals must be signed',
      text: `${builder}environments: { prod: { target: { fleet: {} }, approval: { by: ["@admins"] } } }\npeople: { admins: [{ email: anna@example.com }] }\n`,
      problems: [
        'NO_SIGNER where `builders` are listed approvals must be signed, and none of these approvers has a key under `people`',
      ],
    },
    {
      mistake: 'too few approvers with a key',
      text: `${builder}environments: { prod: { target: { fleet: {} }, approval: { quorum: 2 } } }\npeople: { admins: [{ email: anna@example.com, ssh: ${anna} }, { email: ben@example.com }] }\n`,
      problems: [
        'NO_SIGNER where `builders` are listed approvals must be signed, and only 1 of these approvers has a key under `people`',
      ],
    },
  ]
  for (const { mistake, text, problems } of cases) it(mistake, () => assert.deepEqual(mistakesIn(text), problems))

  it('are none where no builder is listed: a key is then a note', () => {
    assert.deepEqual(
      mistakesIn(
        `environments: { prod: { target: { fleet: {} }, approval: { by: ["@admins"] } } }\npeople: { admins: [{ email: a@example.com, ssh: ssh-ed25519 AAAAExample }] }\n`,
      ),
      [],
    )
  })
})
