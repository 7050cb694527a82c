/*
 * delay PORT TARGET MS: a TCP proxy that makes a server on this machine look far away: each new connection and all that a
 * client sends are held back, in order, so that a question and its answer take one round trip of so many milliseconds.
 */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const [port, target, roundTripMs] = process.argv.slice(2).map(Number)

function far(client: net.Socket): void {
  const server = net.connect(target as number, '127.0.0.1')
  client.setNoDelay()
  server.setNoDelay()
  // the handshake is the first round trip
  let before: Promise<unknown> = sleep(roundTripMs)
  const later = (act: () => void) => {
    before = Promise.all([before, sleep(roundTripMs)]).then(act)
  }
  client.on('data', (data) => later(() => server.destroyed || server.write(data)))
  client.on('end', () => later(() => server.end()))
  server.on('data', (data) => client.destroyed || client.write(data))
  server.on('end', () => client.end())
  for (const [one, other] of [
    [client, server],
    [server, client]
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
}

net.createServer(far).listen(port, '127.0.0.1')
