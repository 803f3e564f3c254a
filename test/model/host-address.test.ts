import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHostAddress } from '../../src/model/index.ts'
import { sshArgv } from '../../src/targets/fleet/ssh/ssh-command.ts'

test('a host is this machine, a URL, or a name from the configuration of ssh', () => {
  assert.deepEqual(parseHostAddress('local'), { kind: 'local' })
  const parsed = (text: string) => {
    const address = parseHostAddress(text)
    assert.ok('kind' in address && address.kind === 'ssh', text)
    return [address.user, address.host, address.port]
  }
  assert.deepEqual(parsed('web1'), [null, 'web1', null])
  assert.deepEqual(parsed('deploy@web-1.example.com'), ['deploy', 'web-1.example.com', null])
  assert.deepEqual(parsed('ssh://web1'), [null, 'web1', null])
  assert.deepEqual(parsed('ssh://deploy@10.0.0.7:2222'), ['deploy', '10.0.0.7', 2222])
  assert.deepEqual(parsed('ssh://deploy@[2001:db8::1]:2222'), ['deploy', '2001:db8::1', 2222])
})

test('whatever is taken for a host, ssh reads no option out of it', () => {
  const part = fc.constantFrom(
    '-',
    '-o',
    'ProxyCommand=x',
    '@',
    ':',
    'ssh://',
    '[',
    ']',
    'web1',
    '22',
    ' ',
    ';',
    '%h',
    '\n',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const address = parseHostAddress(parts.join(''))
      if ('problem' in address || address.kind === 'local') return
      const argv = sshArgv(address, { configFile: null, connectTimeoutSeconds: 10, aliveIntervalSeconds: 4 }, 'true')
      assert.deepEqual(argv.slice(-3), ['--', address.host, 'true'])
      assert.doesNotMatch(address.host, /^-|[^\w.:-]/)
      if (address.user !== null) assert.match(address.user, /^\w[\w.-]*$/)
    }),
    { numRuns: 2000 },
  )
})
