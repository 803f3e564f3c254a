/** Pure: what a stack's status means for who wants to change it. */
import type { Stack } from '@aws-sdk/client-cloudformation'

export type StackState =
  /** Never created, or only looked at (`REVIEW_IN_PROGRESS`): a change set creates it. */
  | 'absent'
  /** A change set updates it. */
  | 'ready'
  /** Somebody's operation is under way. */
  | 'busy'
  /** Its first creation failed: it can be deleted and nothing else. */
  | 'stillborn'
  /** The way back from an update got stuck. */
  | 'stuck'
  | 'deleting'
  /** It was to be deleted, and could not be. */
  | 'undeletable'

export function stateOf(stack: Stack | null): StackState {
  const status = stack?.StackStatus ?? 'DELETE_COMPLETE'
  switch (status) {
    case 'DELETE_COMPLETE':
    case 'REVIEW_IN_PROGRESS':
      return 'absent'
    case 'DELETE_IN_PROGRESS':
      return 'deleting'
    case 'DELETE_FAILED':
      return 'undeletable'
    case 'UPDATE_ROLLBACK_FAILED':
      return 'stuck'
    case 'CREATE_FAILED':
    case 'ROLLBACK_COMPLETE':
    case 'ROLLBACK_FAILED':
      return 'stillborn'
    default:
      return status.endsWith('_IN_PROGRESS') ? 'busy' : 'ready'
  }
}

/** Whether its last operation came through. */
export const isWell = ({ StackStatus }: Stack): boolean =>
  StackStatus === 'CREATE_COMPLETE' || StackStatus === 'UPDATE_COMPLETE' || StackStatus === 'IMPORT_COMPLETE'

/** What tells one state of a stack from the next: whoever changes it, this changes. */
export const markOf = ({ StackId, CreationTime, LastUpdatedTime }: Stack): string =>
  `${StackId} ${(LastUpdatedTime ?? CreationTime)?.toISOString() ?? ''}`
