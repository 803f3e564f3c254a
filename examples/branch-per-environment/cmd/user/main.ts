/** `GET /user/ada` */
import { HttpError } from '../../internal/http-error.ts'
import { runService } from '../../internal/service.ts'
import { findUser } from '../../user/index.ts'

await runService({
  name: 'user',
  answer({ path }) {
    const user = findUser(path)
    if (user === null) throw new HttpError(404, `there is no user ${path}`)
    return user
  },
})
