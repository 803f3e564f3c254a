/** Who the program is to AWS: the environment's role, where it has one. Else it finds credentials as it always does. */
import { type Aws, openAws } from '../../aws/index.ts'
import type { AwsAccess } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type Identity = {
  /** Laid over the variables of the process; undefined takes one out. */
  variables(signal: AbortSignal): Promise<Record<string, string | undefined>>
  /** Before anything is written. Refused `WRONG_ACCOUNT` where it is another account's. */
  assertAccount(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export type IdentityOptions = { access: AwsAccess | null; variables: NodeJS.ProcessEnv; clock: Clock; user: string }

/** Contacts nothing yet. */
export function openIdentity({ access, variables, clock, user }: IdentityOptions): Identity {
  if (access === null) return nobody
  let opened: Aws | null = null
  const open = () => {
    opened ??= openAws(access, { variables, clock, user })
    return opened
  }
  return {
    async variables(signal) {
      const place = {
        AWS_REGION: access.region,
        ...(access.endpoint === null ? {} : { AWS_ENDPOINT_URL: access.endpoint }),
        ...(access.profile === null ? {} : { AWS_PROFILE: access.profile }),
      }
      // What can renew itself is left to itself.
      if (access.role === null) return place
      const { accessKeyId, secretAccessKey, sessionToken } = await open().credentials(signal)
      return {
        ...place,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken,
        ...{ AWS_PROFILE: undefined, AWS_ROLE_ARN: undefined, AWS_WEB_IDENTITY_TOKEN_FILE: undefined },
      }
    },
    async assertAccount(signal) {
      if (access.account !== null) await open().assertAccount(signal)
    },
    async close() {
      await opened?.close()
      opened = null
    },
  }
}

const nobody: Identity = { variables: async () => ({}), assertAccount: async () => {}, close: async () => {} }
