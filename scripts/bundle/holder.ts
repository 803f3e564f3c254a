/** Entry of the published socket holder. */
import './older-node.ts'
import '../../src/targets/fleet/router/holder-main.ts'
