// HOME: the name under which workers know the coordinator's host, as a writer of places and a source of state. No
// worker can have it.

export const HOME = '';
