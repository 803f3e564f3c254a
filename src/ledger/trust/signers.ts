/** Pure: whose signatures count, as trunk's `builders` and `people` say. */
import type { Project, SigningKey } from '../../model/index.ts'
import { type PublicKey, parsePublicKey } from '../../signing/index.ts'

/** A key in somebody's hands, and when what it signs counts. */
export type ListedKey = {
  key: PublicKey
  fromMs: number
  untilMs: number | null
} & ({ role: 'builder'; name: string } | { role: 'person'; email: string })

export type Signers = {
  project: string
  /** By the key in base64: one key may be in several hands. */
  keys: ReadonlyMap<string, readonly ListedKey[]>
}

/** null where trunk lists no builders: then who may push is trusted. */
export function signersOf({ name, builders, people }: Pick<Project, 'name' | 'builders' | 'people'>): Signers | null {
  if (builders.length === 0) return null
  const keys = new Map<string, ListedKey[]>()
  const list = (
    signingKeys: readonly SigningKey[],
    who: { role: 'builder'; name: string } | { role: 'person'; email: string },
  ) => {
    for (const { key: text, fromMs, untilMs } of signingKeys) {
      const key = parsePublicKey(text) // the configuration's checks have read it before
      keys.set(key.base64, [...(keys.get(key.base64) ?? []), { key, fromMs, untilMs, ...who }])
    }
  }
  for (const builder of builders) list(builder.ssh, { role: 'builder', name: builder.name })
  for (const { email, ssh } of Object.values(people).flat()) list(ssh, { role: 'person', email: email.toLowerCase() })
  return { project: name, keys }
}

/** What git and ssh-keygen call an allowed signers file: the same list, for `git log --show-signature`. */
export function allowedSigners({ keys }: Signers): string[] {
  return [...keys.values()].flat().map((listed) => {
    const who = listed.role === 'builder' ? principal(listed.name) : listed.email
    const times = [
      ...(listed.fromMs > 0 ? [`valid-after="${sshTime(listed.fromMs)}"`] : []),
      // OpenSSH counts the last second in.
      ...(listed.untilMs === null ? [] : [`valid-before="${sshTime(listed.untilMs - 1000)}"`]),
    ]
    const options = ['namespaces="git"', ...times].join(',')
    return `${who} ${options} ${listed.key.type} ${listed.key.base64}`
  })
}

/** A pattern without the letters that mean something in it. */
const principal = (name: string): string => name.replace(/[^A-Za-z0-9@._+-]+/g, '-')

const sshTime = (ms: number): string => `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
