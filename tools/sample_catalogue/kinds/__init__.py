"""All kinds of furniture in the sample."""

from tools.sample_catalogue.kinds import homely, outdoors, seating, sleeping, storage, tables

KINDS = (*seating.KINDS, *tables.KINDS, *sleeping.KINDS, *storage.KINDS, *homely.KINDS, *outdoors.KINDS)
