/** What of the example is changed for the emulator: its account, its address, and a zone for the names. */
import { parseDocument } from 'yaml'
import type { LabAws } from '../../lab.ts'
import { region } from './account.ts'

const writtenAccount = '111122223333'

/** The example's configuration as it is, but for the account and where it is. */
export function fitted(shipped: string, { account, endpoint }: LabAws): string {
  const document = parseDocument(shipped.replaceAll(writtenAccount, account))
  document.setIn(['aws', 'endpoint'], endpoint)
  return document.toString({ lineWidth: 0 })
}

/** The rehearsal keeps what it builds where the rest of the story takes it from. */
export function fittedRehearsal(shipped: string, lab: LabAws): string {
  const document = parseDocument(shipped)
  const role = `arn:aws:iam::${lab.account}:role/ec2-fleet-build`
  document.set('aws', document.createNode({ region, account: lab.account, role, endpoint: lab.endpoint }))
  document.set('artifacts', `s3://ec2-fleet-artifacts-${lab.account}/artifacts`)
  return document.toString({ lineWidth: 0 })
}

export const withZone = (parameters: string, zone: string): string =>
  parameters.replace(/"HostedZoneId": "[^"]*"/, `"HostedZoneId": ${JSON.stringify(zone)}`)

/** The zone of Route 53 that an account has before anything is delivered to it. */
export const zoneTemplate = `AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Zone: { Type: "AWS::Route53::HostedZone", Properties: { Name: web.example.com } }
Outputs:
  Zone: { Value: !Ref Zone }
`
