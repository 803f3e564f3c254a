import { sshdMissing } from '../../../parts/sshd.ts'
import { targetContract } from '../../target.contract.ts'
import { openSshFleet } from './ssh-fleet.ts'

targetContract('fleet over SSH', () => openSshFleet(2), sshdMissing())
