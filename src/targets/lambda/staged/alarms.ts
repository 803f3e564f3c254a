/** CloudWatch alarms that are watched while requests go over to a new version. */
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch'
import { type Reason, reason, refusedError } from '../../../model/index.ts'
import type { Place } from '../place.ts'

type Alarm = { name: string; isRinging: boolean; changedAtMs: number; why: string }

/** What one call tells of. */
const maxNames = 100

/** Refused `NO_ALARM` where one is not there: nobody would hear it. */
async function readAlarms({ aws }: Place, names: readonly string[], signal: AbortSignal): Promise<Alarm[]> {
  if (names.length === 0) return []
  const command = new DescribeAlarmsCommand({
    AlarmNames: names.slice(0, maxNames),
    AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
    MaxRecords: maxNames,
  })
  const { MetricAlarms = [], CompositeAlarms = [] } = await aws.send(aws.client(CloudWatchClient), command, { signal })
  const alarms = [...MetricAlarms, ...CompositeAlarms].map(
    ({ AlarmName = '', StateValue, StateUpdatedTimestamp, StateReason = '' }): Alarm => ({
      name: AlarmName,
      isRinging: StateValue === 'ALARM',
      changedAtMs: StateUpdatedTimestamp?.getTime() ?? 0,
      why: StateReason,
    }),
  )
  const missing = names.find((name) => !alarms.some((alarm) => alarm.name === name))
  if (missing === undefined) return alarms
  throw refusedError('NO_ALARM', `there is no CloudWatch alarm ${missing} in ${aws.region}: nobody would hear it`, {
    hint: 'make it, or take it out of `alarms`',
  })
}

/** Those that ring already, and since when. */
export async function ringingNow(
  place: Place,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const alarms = await readAlarms(place, names, signal)
  return Object.fromEntries(
    alarms.flatMap(({ name, isRinging, changedAtMs }) => (isRinging ? [[name, changedAtMs]] : [])),
  )
}

/** Why a rollout must not go on; empty: nothing rings that did not ring before. */
export async function newAlarms(
  place: Place,
  names: readonly string[],
  before: Readonly<Record<string, number>>,
  signal: AbortSignal,
): Promise<Reason[]> {
  const alarms = await readAlarms(place, names, signal)
  return alarms
    .filter(({ name, isRinging, changedAtMs }) => isRinging && before[name] !== changedAtMs)
    .map(({ name, why }) => reason('alarm', `the alarm ${name} has gone off${why === '' ? '' : `: ${why}`}`))
}
