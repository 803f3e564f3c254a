/** `111122223333.dkr.ecr.eu-west-1.amazonaws.com`, also with FIPS, in China, and with IPv6 (`dkr-ecr`, `on.aws`). */
const pattern =
  /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)$/

export type EcrHost = { account: string; region: string }

/** null for a registry that is not ECR's. */
export function parseEcrHost(host: string): EcrHost | null {
  const [, account, region] = pattern.exec(host) ?? []
  return account === undefined || region === undefined ? null : { account, region }
}
