/** The way to a host, and how it ends well or clearly: keys, names, jump hosts. Nothing is brought to any. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { TrunklineError } from '../../../../src/model/index.ts'
import { sshHost } from '../../../../src/targets/fleet/open-hosts.ts'
import { examineHost } from '../../../../src/targets/fleet/ssh/examine-host.ts'
import { hostNameOf } from '../../../../src/targets/fleet/ssh/resolve-host.ts'
import type { SshHost } from '../../../../src/targets/fleet/ssh/run-over-ssh.ts'
import { freePort } from '../../../parts/local-server.ts'
import { clientConfiguration, knownHost, makeKey, type SshdPart, sshdMissing, startSshd } from '../../../parts/sshd.ts'

const soon = () => AbortSignal.timeout(60_000)

describe('the way to a host over SSH', { skip: sshdMissing() }, () => {
  let sshd: SshdPart
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'trunkline-ways-'))
    sshd = await startSshd()
  })
  after(async () => {
    await sshd.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const hostAt = (name: string, configFile = sshd.configFile): SshHost => {
    const host = sshHost(name, { ssh: { configFile, connectTimeoutSeconds: 5 } })
    assert.ok(host)
    return host
  }
  const configuration = (name: string, text: string): string => {
    const file = join(folder, name)
    writeFileSync(file, text)
    return file
  }
  /** What `~/.ssh/config` of somebody with this list of known hosts says. */
  const knowing = (name: string, lines: string): string => {
    const identity = { privateFile: join(sshd.configFile, '..', 'user_key'), publicKey: '' }
    return configuration(`${name}.config`, clientConfiguration(configuration(`${name}.known`, lines), identity))
  }
  const fails = async (host: SshHost, code: string, message: RegExp, hint: RegExp) => {
    await assert.rejects(examineHost(host, soon()), (error: unknown) => {
      assert.ok(error instanceof TrunklineError)
      assert.equal(error.code, code)
      assert.equal(error.kind, 'errored')
      assert.match(error.message, message)
      assert.match(error.hint ?? '', hint)
      return true
    })
  }

  test('a host whose key is known lets us in', async () => {
    assert.deepEqual(await examineHost(hostAt(sshd.host), soon()), { kind: 'nothing-there' })
  })

  test('a host whose key is unknown is not talked to, also where the configuration would', async () => {
    const file = knowing('unknown', '')
    writeFileSync(file, `${readFileSync(file, 'utf8')}  StrictHostKeyChecking no\n`)
    await fails(
      hostAt(sshd.host, file),
      'HOST_KEY_UNKNOWN',
      /key of the host .* is not known/,
      /ssh-keyscan -p \d+ 127/,
    )
    assert.equal(readFileSync(join(folder, 'unknown.known'), 'utf8'), '', 'and its key is not learnt')
  })

  test('a host that shows another key than the known one is not talked to', async () => {
    const other = await makeKey(folder, 'other_host_key')
    const file = knowing('changed', `${knownHost('127.0.0.1', sshd.port, other)}\n`)
    await fails(hostAt(sshd.host, file), 'HOST_KEY_CHANGED', /another key/, /ssh-keygen -R '\[127\.0\.0\.1\]:\d+'/)
  })

  test('a host that does not know our key says so', async () => {
    const stranger = await makeKey(folder, 'stranger')
    const file = configuration('stranger.config', clientConfiguration(sshd.knownHostsFile, stranger))
    await fails(hostAt(sshd.host, file), 'HOST_LOGIN', /does not let us in: .*Permission denied/, /authorized_keys/)
  })

  test('where nobody listens, and where there is no such name, the host is named', async () => {
    const port = await freePort()
    await fails(hostAt(`ssh://127.0.0.1:${port}`), 'HOST_UNREACHABLE', /127\.0\.0\.1.*refused/, /ssh -p \d+ 127/)
    await fails(hostAt('no-such-host.invalid'), 'HOST_UNREACHABLE', /no-such-host\.invalid/, /HostName/)
  })

  test('a name from ~/.ssh/config is used as it says, and its address is the one people see', async () => {
    const { hostname, port } = new URL(sshd.host)
    const alias = `Host web1\n  HostName ${hostname}\n  Port ${port}\n  HostKeyAlias [${hostname}]:${port}\n`
    const file = configuration('alias.config', `${alias}${readFileSync(sshd.configFile, 'utf8')}`)
    assert.deepEqual(await examineHost(hostAt('web1', file), soon()), { kind: 'nothing-there' })
    assert.equal(await hostNameOf(hostAt('web1', file), soon()), '127.0.0.1')
  })

  test('a jump host stands between, and its key is checked as well', async () => {
    const jump = await startSshd()
    try {
      const { port } = new URL(jump.host)
      const behind = (known: string) => {
        const lines = [
          'Host bastion',
          `  HostName 127.0.0.1\n  Port ${port}\n  UserKnownHostsFile ${known}\n  GlobalKnownHostsFile none`,
          `  IdentityFile ${join(jump.configFile, '..', 'user_key')}\n  IdentitiesOnly yes`,
          'Host inner',
          `  HostName 127.0.0.1\n  Port ${sshd.port}\n  ProxyJump bastion`,
        ]
        return configuration('jump.config', `${lines.join('\n')}\n${readFileSync(sshd.configFile, 'utf8')}`)
      }
      const inner = hostAt('inner', behind(jump.knownHostsFile))
      assert.deepEqual(await examineHost(inner, soon()), { kind: 'nothing-there' })
      const empty = configuration('nobody', '')
      await fails(hostAt('inner', behind(empty)), 'HOST_KEY_UNKNOWN', /key of the host inner/, /known_hosts/)
    } finally {
      await jump.stop()
    }
  })

  test('who gives up waits no longer', async () => {
    const giveUp = new AbortController()
    const examined = examineHost(hostAt(sshd.host), giveUp.signal)
    giveUp.abort()
    await assert.rejects(examined, (error: unknown) => error instanceof TrunklineError && error.kind === 'cancelled')
  })
})
