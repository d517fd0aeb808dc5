"""Vocabulary of the planted world: the words of each topic.

Every topic has the same number of words in every slot, each a single word. A document can
therefore be rewritten in another topic, sentence by sentence, with the same number of words:
what a contradiction document needs to tie with its support document for any scorer that only
counts words. None of these words belongs to a planted capability (a test holds them apart).
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_NAMES = ("Ana", "Ben", "Clara", "David", "Elif", "Frank", "Grace", "Hugo", "Ines", "Jonas")


@dataclass(frozen=True)
class Lexicon:
    """Words of one topic.

    Things are singular; things, adjectives and people start with a consonant ("a thing"); verbs
    are in the base form and take any of the things as object.
    """

    field: str
    things: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    people: tuple[str, ...]
    places: tuple[str, ...]


# topic | field | things | verbs | adjectives | people | places
_TABLE = """
adult_content | nightlife | video webcam cabaret striptease costume | rate censor livestream | steamy racy | performer subscriber | nightclub
art_and_design | design | sketch poster mural sculpture drawing | frame restore exhibit | colourful minimal | painter curator | studio
crime_and_law | justice | verdict lawsuit warrant fingerprint robbery | investigate contest record | criminal forensic | detective judge | courtroom
education_and_jobs | schooling | lesson degree resume worksheet textbook | assign revise submit | scholarly vocational | teacher graduate | classroom
electronics_and_hardware | electronics | resistor sensor laptop circuit speaker | solder recharge calibrate | wireless portable | technician tinkerer | workbench
entertainment | television | movie sitcom trailer sequel concert | stream rehearse applaud | hilarious gripping | director singer | theatre
fashion_and_beauty | fashion | lipstick handbag jacket perfume necklace | wear accessorise iron | stylish silky | stylist model | boutique
finance_and_business | finance | mortgage dividend budget startup contract | fund negotiate refinance | profitable fiscal | banker trader | boardroom
food_and_dining | cooking | soup noodle pancake dumpling salad | taste season order | tasty creamy | chef waiter | kitchen
games | gaming | console joystick puzzle dungeon level | replay customise master | playable pixelated | gamer streamer | arcade
health | medicine | symptom vaccine rash prescription headache | treat monitor prescribe | chronic healthy | nurse patient | clinic
history_and_geography | history | shipwreck treasure fortress map river | chart excavate date | medieval colonial | historian surveyor | valley
home_and_hobbies | gardening | sofa curtain tulip birdhouse lawn | decorate tidy mend | cosy leafy | gardener homeowner | garden
industrial | manufacturing | conveyor boiler turbine valve pipeline | weld install lubricate | hydraulic sturdy | welder foreman | factory
literature | reading | novel poem chapter sonnet paperback | read quote translate | poetic fictional | novelist poet | library
politics | government | ballot speech campaign referendum coalition | debate endorse repeal | partisan democratic | minister voter | parliament
religion | faith | prayer sermon hymn psalm ritual | chant bless revere | sacred holy | priest monk | temple
science_math_and_technology | research | theorem molecule galaxy telescope neutron | simulate observe derive | quantum molecular | physicist biologist | laboratory
social_life | family | wedding birthday sibling housewarming barbecue | celebrate remember host | romantic friendly | grandmother husband | backyard
software | computing | spreadsheet browser plugin password folder | download configure sync | clickable virtual | hacker tester | desktop
software_development | programming | function compiler bug variable commit | debug refactor deploy | recursive nullable | developer maintainer | repository
sports_and_fitness | sport | goalkeeper marathon dumbbell tackle penalty | practise score defend | sweaty muscular | coach runner | stadium
transportation | transport | truck bicycle tram motorbike gearbox | drive park repair | diesel rusty | driver mechanic | garage
travel_and_tourism | travel | suitcase passport beach hostel souvenir | book visit recommend | tropical scenic | tourist backpacker | airport
"""  # noqa: E501


def _lexica(table: str) -> dict[str, Lexicon]:
    """The table above by topic."""
    lexica = {}
    for row in table.strip().splitlines():
        topic, field, *slots = row.split(" | ")
        lexica[topic] = Lexicon(field, *(tuple(slot.split()) for slot in slots))
    return lexica


LEXICA = _lexica(_TABLE)
