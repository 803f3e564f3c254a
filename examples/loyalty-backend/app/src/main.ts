import { run } from '../../shared/serve.ts'
import { answer } from './pages.ts'

await run({ answer })
