/** Who acts: by word, else the CI's user, else git's; a name that history can show. */
import type { Actor } from '../model/index.ts'

/** `user` is git's own idea of the person, null where none is configured. */
export function actorOf(user: Actor | null, environment: NodeJS.ProcessEnv): Actor {
  const env = (name: string): string | undefined => environment[name] || undefined
  const email = env('TRUNKLINE_ACTOR_EMAIL') ?? env('GITLAB_USER_EMAIL')
  const name =
    env('TRUNKLINE_ACTOR') ?? env('GITLAB_USER_NAME') ?? env('GITHUB_ACTOR') ?? env('CIRCLE_USERNAME') ?? undefined
  if (email !== undefined) return { name: name ?? email, email }
  if (name !== undefined) return { name, email: emailOf(name, user, env('GITHUB_ACTOR') === name) }
  if (user !== null) return user
  const account = env('USER') ?? 'unknown'
  return { name: account, email: `${account}@localhost` }
}

/** GitHub gives every account an address of this form; git's own may be that of a bot. */
const emailOf = (name: string, user: Actor | null, isOnGitHub: boolean): string =>
  isOnGitHub ? `${name}@users.noreply.github.com` : (user?.email ?? `${name}@localhost`)
