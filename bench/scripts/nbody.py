from math import sqrt

from measure import measure

STEPS = 2_000_000
YEAR = 365.24
SUN = 4 * 3.141592653589793 * 3.141592653589793


class Body:
    __slots__ = ("x", "y", "z", "vx", "vy", "vz", "mass")

    def __init__(self, x, y, z, vx, vy, vz, mass):
        self.x, self.y, self.z = x, y, z
        self.vx, self.vy, self.vz = vx * YEAR, vy * YEAR, vz * YEAR
        self.mass = mass * SUN


bodies = [
    Body(0, 0, 0, 0, 0, 0, 1),
    Body(4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01,
         1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05, 9.54791938424326609e-04),
    Body(8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01,
         -2.76742510726411899e-03, 4.99852801234917238e-03, 2.30417297573763929e-05, 2.85885980666130812e-04),
    Body(1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01,
         2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05, 4.36624404335156298e-05),
    Body(1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01,
         2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05, 5.15138902046611451e-05),
]


def start():
    sun = bodies[0]
    sun.vx = -sum(b.vx * b.mass for b in bodies[1:]) / SUN
    sun.vy = -sum(b.vy * b.mass for b in bodies[1:]) / SUN
    sun.vz = -sum(b.vz * b.mass for b in bodies[1:]) / SUN


def advance(step, pairs):
    for a, b in pairs:
        dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
        square = dx * dx + dy * dy + dz * dz
        scale = step / (square * sqrt(square))
        mass = b.mass
        a.vx -= dx * mass * scale
        a.vy -= dy * mass * scale
        a.vz -= dz * mass * scale
        mass = a.mass
        b.vx += dx * mass * scale
        b.vy += dy * mass * scale
        b.vz += dz * mass * scale
    for b in bodies:
        b.x += step * b.vx
        b.y += step * b.vy
        b.z += step * b.vz


def energy():
    total = 0.0
    for i, a in enumerate(bodies):
        total += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz)
        for b in bodies[i + 1:]:
            dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
            total -= a.mass * b.mass / sqrt(dx * dx + dy * dy + dz * dz)
    return total


def run():
    start()
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:]]
    for _ in range(STEPS):
        advance(0.01, pairs)
    return int(energy() * 1e9)


measure(run)
