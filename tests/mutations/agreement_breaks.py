"""Breaks of the agreement on the voters, and of the memory of lost votes.

Source: PROTOCOL.md, section 7.
"""

from elect.core.rules import agreement
from elect.testing.world import simulated_disk
from elect.testing.world.simulated_disk import SimulatedDisk
from tests.mutations import worlds
from tests.mutations.breaking import Breaks, nothing, replaced

AGREEMENT = Breaks()


@AGREEMENT.add("the stored list of voters is ignored", "7", worlds.RELISTED, 40)
def any_list():
    return replaced(simulated_disk, "effective", lambda _, given: given)


@AGREEMENT.add("store ids are not compared", "7", worlds.WIPED, 5)
def any_store():
    return replaced(agreement, "is_store_kept", lambda *_: True)


@AGREEMENT.add("who disagrees on the voters stands and votes", "7", worlds.DISAGREEING, 20)
def no_dispute():
    return replaced(agreement, "review", nothing)


@AGREEMENT.add("a new voter does not mind strangers", "7", worlds.DISAGREEING, 60)
def no_strangers():
    return replaced(agreement, "note_stranger", nothing)


@AGREEMENT.add("a new store has no fence", "4 †", worlds.DISAGREEING, 60)
def no_fence_of_a_new_store():
    def open_without(self, support_duration_ns, given, open_=simulated_disk.SimulatedDisk.open):
        before = self.promise_ns
        open_(self, support_duration_ns, given)
        return before

    return replaced(SimulatedDisk, "open", open_without)
