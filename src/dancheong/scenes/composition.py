"""Where things stand and where the camera is: one function per kind of picture."""

import math
from collections.abc import Callable
from dataclasses import replace

from dancheong.scenes.light import GRANITE, NOEROK, SAND, SEOKGANJU, mix
from dancheong.scenes.palace import draw_balustrade, draw_garden_wall, draw_gate_base, draw_hall, draw_parapet, draw_platform
from dancheong.scenes.scenery import Scenery


def compose_hall(scenery: Scenery) -> None:
    """A hall across a court, from the front or from an angle."""
    hall, turn = scenery.hall(), scenery.turn(0.34, 14, 36)
    away = hall.half_x * 1.75 + hall.half_z + 7.0
    eye = (scenery.between(-2.5, 2.5), scenery.between(1.6, 3.2), -away)
    scenery.look(eye, 1.26, scenery.between(0.66, 0.74))
    lawn = scenery.chance(0.5)
    scenery.land(hall.half_x * 0.55 + 1.5 if lawn else None, scenery.pick([0.10, 0.22, 0.32]))
    scenery.woods(hall.half_z + 22, 75, scenery.between(6, 10))
    gallery = scenery.chance(0.6)
    if gallery and turn == 0:
        scenery.gallery(hall.half_z + 8, hall.half_x + 40, hall.half_x + 2.5, hall)
    beside, behind = (hall.half_x + 3.5, hall.half_x + 9), (hall.half_z + 1, hall.half_z + 7)
    scenery.plant_beside(beside, behind, (6, 10), scenery.pick([0, 1, 2, 2]))
    paved = scenery.chance(0.5)
    if turn == 0:
        if paved and not lawn:
            scenery.paving(hall.half_x * 1.5, -away + 1.0, -hall.half_z - 3.5, 1.0)
        scenery.path(1.7, -away + 0.6, -hall.half_z - 2)
    scenery.build(hall, turn=turn)
    scenery.plant_shrubs(hall.half_x, -hall.half_z)
    scenery.hang_branch(0.3)


def compose_throne_hall(scenery: Scenery) -> None:
    """The great hall of two stories on its terraces, over a paved court with rank stones."""
    hall = scenery.hall(
        painted=True, white_ridge=True, stories=2, bays_x=5, bays_z=4, bay_m=4.0, column_m=4.2, bracket_m=1.2, platform_m=0.4,
        filling="lattice", overhang_m=2.5, rise=5.2, lift=1.4, board=True, stairs=False,
    )  # fmt: skip
    hall = replace(hall, finish=replace(hall.finish, pillar=SEOKGANJU, frame=NOEROK))
    turn = scenery.turn(0.35, 24, 32)
    scenery.look((scenery.between(-1, 1), scenery.between(1.7, 3.5), -46.0), 0.98, scenery.between(0.76, 0.82))
    scenery.land(None, scenery.pick([0.16, 0.3, 0.4]), mix(SAND, GRANITE, 0.6))
    scenery.woods(34, 80, 7)
    scenery.paving(34, -44, -16, 1.3)
    if turn == 0:
        scenery.gallery(22, 60, 17, hall)
    court = scenery.view.placed((0, 0, 0), turn)
    for half_x, half_z, low, high in ((19.0, 16.5, 0.0, 1.3), (15.5, 13.0, 1.3, 2.6)):
        level = court.placed((0, low, 0))
        draw_platform(level, scenery.fork(), half_x, half_z, high - low, True)
        draw_balustrade(level, half_x, half_z, high - low, 3.0)
    draw_hall(court.placed((0, 2.6, 0)), hall, scenery.fork())
    if turn == 0:
        scenery.path(2.2, -45.0, -19.0)
        scenery.rank_stones(4.0, -43.0, -21.0)
    scenery.hang_branch(0.3)


def compose_gate(scenery: Scenery) -> None:
    """A great gate: a pavilion of one or two stories on a granite base with arches, walls at its sides."""
    base_m, arches, stories = scenery.between(4.8, 6.0), scenery.pick([1, 3, 3]), scenery.pick([1, 2, 2])
    half_x = 13.5 if arches == 3 else 9.5
    hall = replace(
        scenery.hall(painted=True, white_ridge=True), stories=stories, bays_x=5 if arches == 3 else 3, bays_z=2,
        bay_m=3.7, column_m=2.5, bracket_m=1.0, platform_m=0.0, roof=scenery.pick([0.6, 1.0]), filling="plank", door="plank",
        board=True, overhang_m=2.2, rise=4.4, lift=1.2, stairs=False,
    )  # fmt: skip
    turn = scenery.turn(0.5, 18, 28)
    eye = (scenery.between(-2, 2), 1.7, -38.0 if arches == 3 else -31.0 - 2.5 * stories)
    scenery.look(eye, 1.0, scenery.between(0.80, 0.86))
    scenery.land(None, scenery.pick([0.0, 0.18, 0.3]))
    scenery.woods(26, 80, 8)
    if turn == 0:
        for side in (-1, 1):
            wall = scenery.view.placed((side * (half_x + 20), 0, 1.5))
            draw_garden_wall(wall, scenery.fork(), 20.0, 4.0, "stone", hall)
    scenery.plant_beside((half_x + 4, half_x + 9), (6.5, 7.5), (8, 11), scenery.pick([0, 1, 2]))
    if turn == 0:
        scenery.path(2.4, -37, -5)
    gate = scenery.view.placed((0, 0, 0), turn)
    # From below, the base hides the feet of the pavilion: it is drawn over them.
    draw_hall(gate.placed((0, base_m, 0)), hall, scenery.fork())
    draw_gate_base(gate, scenery.fork(), half_x, 4.6, base_m, arches)
    draw_parapet(gate, scenery.fork(), half_x, 4.6, base_m)
    scenery.plant_shrubs(half_x, -6)


def compose_pavilion(scenery: Scenery) -> None:
    """An open pavilion among trees, often by a pond that mirrors it."""
    pond, single = scenery.chance(0.75), scenery.chance(0.3)
    hall = replace(
        scenery.hall(painted=True), bays_x=2 if single else scenery.pick([3, 5]), bays_z=2,
        bay_m=2.5 if single else 3.1, filling="open", column_m=3.0, bracket_m=0.5, platform_m=1.1 if pond else 0.7,
        stairs=False, overhang_m=1.7, roof=1.0 if single else scenery.pick([0.6, 1.0]), rise=3.4 if single else 3.8,
        board=scenery.chance(0.4) and not single,
    )  # fmt: skip
    turn = scenery.turn(0.2, 8, 32)
    away = (16 if pond else 12) + 1.9 * hall.half_x
    eye = (scenery.between(-3, 3), scenery.between(1.5, 1.9) if pond else scenery.between(1.8, 2.8), -away)
    horizon = scenery.between(0.46, 0.52) if pond else scenery.between(0.64, 0.70)
    scenery.look(eye, 1.28 if pond else 1.12, horizon)
    scenery.land(-9.0, scenery.pick([0.12, 0.24]))
    scenery.woods(26, 70, 10)
    scenery.woods(18, 60, 6)
    scenery.plant_beside((hall.half_x + 3.5, hall.half_x + 10), (0, 8), (6, 10), 4)
    scenery.build(hall, turn=turn)
    front = -math.cos(turn) * (hall.half_z + 1.3) - abs(math.sin(turn)) * (hall.half_x + 1.3)
    bank = (front + 0.3, front + 1.5)
    scenery.plant_beside((hall.half_x + 1.5, hall.half_x + 9), bank, (0.8, 1.6), 5, shrubs=True)
    if pond:
        scenery.pond(front - 0.3)
    scenery.hang_branch(0.4)


def compose_wall(scenery: Scenery) -> None:
    """A garden wall with a small gate, roofs and trees behind it."""
    kind, turn = scenery.pick(["brick", "plaster", "stone"]), scenery.turn(0.25, 14, 32)
    scenery.look((scenery.between(-2, 2), 1.65, -11.0), 1.35, scenery.between(0.66, 0.72))
    lawn = scenery.between(2, 4) if scenery.chance(0.6) else None
    scenery.land(lawn, scenery.pick([0.0, 0.2]))
    scenery.woods(34, 80, 10)
    behind = scenery.hall(bays_x=5, stairs=False)
    scenery.build(behind, (scenery.between(-9, 9), 0.8, 15.0), turn * 0.5)
    scenery.plant([(scenery.between(-10, 10), scenery.between(5, 9), scenery.between(5.5, 8)) for _ in range(3)])
    wall, height_m, spot = scenery.view.placed((0, 0, 1.0), turn), scenery.between(2.2, 2.8), scenery.between(-4, 4)
    for a, b in ((-34.0, spot - 1.7), (spot + 1.7, 34.0)):
        part = wall.placed(((a + b) / 2, 0, 0))
        draw_garden_wall(part, scenery.fork(), (b - a) / 2, height_m, kind, behind)
    gate = replace(
        behind, bays_x=1, bays_z=1, bay_m=3.0, column_m=2.7, bracket_m=0.2, platform_m=0.15, overhang_m=0.8, roof=0.0,
        rise=1.25, lift=0.25, filling="plank", door="plank", board=False,
    )  # fmt: skip
    draw_hall(wall.placed((spot, 0, 0.8)), gate, scenery.fork())
    scenery.plant_shrubs(5.0, -0.5)
    scenery.hang_branch(0.2)


def compose_eaves(scenery: Scenery) -> None:
    """A corner of a painted hall from nearby, looking up under the eaves."""
    hall = replace(
        scenery.hall(painted=True, white_ridge=True), bays_x=5, bay_m=3.4, bracket_m=scenery.between(0.9, 1.4),
        overhang_m=2.3, roof=0.6, platform_m=0.8, lift=1.3, board=False,
    )  # fmt: skip
    side = scenery.pick([-1, 1])  # of the corner that is shown
    turn = math.radians(side * scenery.between(20, 42))
    x, z = side * hall.half_x, -hall.half_z
    corner = (math.cos(turn) * x + math.sin(turn) * z, -math.sin(turn) * x + math.cos(turn) * z)
    # The camera stands in front of the corner, which then lies a little beside the middle.
    eye = (-side * scenery.between(0.2, 2.2), 1.6, -scenery.between(11, 15))
    scenery.look(eye, scenery.between(0.66, 0.86), scenery.between(0.98, 1.12))
    scenery.land(None, 0.1)
    if scenery.chance(0.6):
        scenery.plant([(side * scenery.between(4, 8), scenery.between(4, 12), scenery.between(7, 10))])
    scenery.build(hall, (-corner[0], 0.0, -corner[1]), turn)


def compose_doors(scenery: Scenery) -> None:
    """The front of a hall from a few steps away: doors, pillars and the painted beam."""
    hall = scenery.hall(bays_x=5, bays_z=2, platform_m=0.9)
    away = hall.half_z + scenery.between(7.5, 10.5)
    eye = (scenery.between(-4, 4), 2.0, -away)
    scenery.look(eye, scenery.between(0.85, 1.1), scenery.between(0.68, 0.76))
    scenery.land(None, 0.0)
    scenery.paving(16, -away + 0.6, -hall.half_z - 1, 0.9)
    scenery.build(hall, turn=math.radians(scenery.between(-5, 5)))
    depth = (-hall.half_z - 3.8, -hall.half_z - 3.2)
    scenery.plant_beside((3, 5), depth, (1.0, 1.5), scenery.pick([0, 1]), shrubs=True)


def compose_distance(scenery: Scenery) -> None:
    """The palace from a hill: roofs behind roofs, mountains beyond."""
    eye = (scenery.between(-8, 8), scenery.between(22, 30), -64.0)
    scenery.look(eye, yaw=scenery.between(-0.10, 0.10), view_m=1.02, horizon=scenery.between(0.24, 0.30))
    scenery.land(None, scenery.between(0.16, 0.28), woods_from_m=150)
    for z, tall in ((620.0, 40.0), (400.0, 28.0), (270.0, 18.0), (190.0, 13.0), (150.0, 11.0)):
        scenery.woods(z, 0.6 * z + 60, tall)
    main = scenery.hall(True, True, stories=2, bays_x=5, bays_z=4, bay_m=4.2, roof=0.6, platform_m=2.4)
    scenery.gallery(88, 90, 3, main)
    scenery.build(main, (0, 0, 56.0))
    scenery.path(2.4, 6, 40)
    for z in (70.0, 44.0, 18.0):
        for side in (-1, 1):
            x = side * scenery.between(30, 44)
            house = scenery.hall(painted=True, bays_z=2, platform_m=0.6, stairs=False)
            house = replace(house, finish=replace(house.finish, tile=main.finish.tile, snow=main.finish.snow))
            scenery.build(house, (x, 0, z), scenery.turn(0.6, 5, 14))
        scenery.plant_beside((20, 60), (z - 8, z - 4), (5, 8), 4)
    scenery.gallery(-2, 70, 8, main)
    gate = replace(main, stories=1, bays_x=3, bays_z=2, bay_m=4.0, platform_m=0.6, filling="plank", door="open")
    scenery.build(gate, (0, 0, -2.0))
    scenery.path(2.4, -30, -8)
    scenery.plant_beside((12, 40), (-24, -12), (5, 9), 8)


COMPOSITIONS: tuple[tuple[Callable[[Scenery], None], float], ...] = (
    (compose_hall, 0.24),
    (compose_throne_hall, 0.15),
    (compose_gate, 0.14),
    (compose_pavilion, 0.17),
    (compose_wall, 0.09),
    (compose_eaves, 0.10),
    (compose_doors, 0.05),
    (compose_distance, 0.06),
)
