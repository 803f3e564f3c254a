/** What a platform says it would do, made before anybody approves it: a change set, a plan file. */

export type Preview = {
  /** What an approval binds to: equal where the same would be done. */
  digest: string
  changes: PreviewedChange[]
}

export type PreviewedChange = {
  action: 'add' | 'change' | 'replace' | 'remove' | 'import'
  /** As people of the platform call it: `AWS::RDS::DBInstance Database`. */
  subject: string
  /** What makes it so: properties, causes. */
  because?: string[]
  /** It holds data, which is lost where it is replaced or removed, or stays behind with what is kept of it. */
  stateful?: boolean
}

/** After it data is gone, or not where it was: that needs approval, whatever the policy of the environment. */
export const isLoss = ({ action, stateful }: PreviewedChange): boolean =>
  stateful === true && (action === 'replace' || action === 'remove')
