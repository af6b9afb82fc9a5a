"""The SMS centre: what it is given arrives, late, twice, in another order or not at all, as its weather says."""

import random

from simulator.world.phones import SmsCentre
from simulator.world.virtual import World

HOME, AWAY = "+34600000001", "+34600000002"


def centre_of(world):
    return SmsCentre(world, world.chance("texts"))


def test_a_text_arrives_after_the_sender_was_told_that_it_is_taken(tmp_path):
    with World(1, tmp_path) as world:
        centre, said = centre_of(world), []
        centre.attach(HOME, lambda sender, text: said.append((sender, text)))
        centre.send(AWAY, HOME, "S1abc", said.append)
        assert said == []
        world.run(30)
        assert said == [True, (AWAY, "S1abc")]


def test_texts_wait_for_a_telephone_that_is_off_and_for_one_that_has_no_room(tmp_path):
    with World(2, tmp_path) as world:
        centre, got, room = centre_of(world), [], [0]

        def receive(sender, text):
            if not room[0]:
                return False
            room[0] -= 1
            got.append(text)
            return True

        for n in range(5):
            centre.send(AWAY, HOME, str(n), lambda ok: None)
        world.run(30)
        assert centre.waiting(HOME) == 5
        centre.attach(HOME, receive)
        assert got == []
        room[0] = 2
        world.run(30)
        assert (len(got), centre.waiting(HOME)) == (2, 3)
        centre.detach(HOME)
        room[0] = 10
        world.run(30)
        assert len(got) == 2
        centre.attach(HOME, receive)
        assert sorted(got) == list("01234")


def test_texts_are_lost_doubled_refused_and_overtake_one_another_by_seed(tmp_path):
    def history(seed):
        with World(seed, tmp_path) as world:
            centre, got, told = centre_of(world), [], []
            centre.weather.loss, centre.weather.doubled, centre.weather.refused = 0.2, 0.2, 0.1
            centre.attach(HOME, lambda sender, text: got.append(int(text)))
            for n in range(300):
                centre.send(AWAY, HOME, str(n), told.append)
            world.run(60)
            return got, told

    got, told = history(3)
    assert history(3) == (got, told)
    assert history(4) != (got, told)
    assert 10 < told.count(False) < 60
    assert len(set(got)) < told.count(True)
    assert len(got) > len(set(got))
    assert got != sorted(got)


def test_nothing_delays_texts_at_scale_nought():
    class Now:
        def after(self, us, do):
            assert us == 0
            do()

    got = []
    centre = SmsCentre(Now(), random.Random(5))
    centre.weather.scale = 0
    centre.attach(HOME, lambda sender, text: got.append((sender, text)))
    centre.send(AWAY, HOME, "S1", got.append)
    assert got == [(AWAY, "S1"), True]
