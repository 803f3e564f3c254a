/** Who buys. */
export type User = { id: string; name: string; isMember: boolean }

const users: ReadonlyMap<string, User> = new Map(
  [
    { id: 'ada', name: 'Ada', isMember: true },
    { id: 'grace', name: 'Grace', isMember: true },
    { id: 'linus', name: 'Linus', isMember: false },
  ].map((user) => [user.id, user]),
)

export const findUser = (id: string): User | null => users.get(id) ?? null
