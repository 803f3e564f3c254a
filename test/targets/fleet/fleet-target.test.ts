import { targetContract } from '../target.contract.ts'
import { openFleet } from './fleet-under-test.ts'

targetContract('fleet', () => openFleet(2))
