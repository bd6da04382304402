"""English words by what they exclude, and by what says the same.

Written for this project from general knowledge, not from a corpus. A family holds groups, divided by
"|"; the words of a group say the same or nearly so, and what belongs to one group does not belong to
another: a dog is no cat, what is open is not closed. So a paraphrase may exchange words within a
group, and not across. A word may stand in several families.
"""

from __future__ import annotations

from functools import lru_cache

from workers.paraphrase.vocabulary import word_set

_FAMILIES = """
animal: dog hound doggy | cat kitty | puppy | kitten | horse stallion mare | pony | foal | cow cattle
 | bull ox | calf | sheep ewe | lamb | goat | pig hog | piglet | chicken hen | rooster cockerel | duck
 | goose | swan | pigeon dove | crow raven | sparrow | eagle | hawk falcon | owl | parrot | gull seagull
 | stork | heron | flamingo | penguin | peacock | turkey | woodpecker | robin | hummingbird | ostrich
 | fish | shark | whale | dolphin | seal | octopus | squid | crab | lobster | shrimp prawn
 | jellyfish | snail | slug | turtle tortoise | frog | toad | snake serpent | lizard gecko
 | crocodile alligator | dinosaur | spider | scorpion | ant | bee bumblebee | wasp hornet | butterfly | moth
 | beetle scarab | ladybird ladybug | dragonfly | grasshopper cricket locust | caterpillar | worm
 | mosquito | mouse | rat | hamster | rabbit bunny hare | squirrel | hedgehog | fox | wolf | bear
 | lion lioness | tiger | leopard panther | cheetah | elephant | giraffe | zebra | rhino rhinoceros
 | hippo hippopotamus | monkey | ape gorilla chimpanzee orangutan | kangaroo | koala | panda | camel
 | llama alpaca | deer stag doe | reindeer | elk moose | antelope gazelle | buffalo bison | donkey mule
 | otter | beaver | raccoon | badger | bird
shape: circle disc disk | square | rectangle oblong | triangle | star | heart | hexagon | pentagon | octagon
 | diamond rhombus | cross plus | crescent sickle | oval ellipse | cube | cone | cylinder | pyramid
 | spiral swirl | sphere globe | trapezium trapezoid | parallelogram | arrow
outline: ring hoop | circle disc disk | crescent | square | triangle
mark: dot spot | stripe band streak | star | check | zigzag
form: round circular | square | oval elliptical | triangular | rectangular | hexagonal hex | pointed
material: wood wooden timber | metal metallic | steel | iron | copper | brass | bronze | gold golden
 | silver | aluminium aluminum | tin | pewter | glass | plastic | rubber | leather | cloth fabric textile
 | cotton | wool woollen woolen | silk | linen | denim | velvet | paper | cardboard | stone | marble
 | granite | brick | concrete | clay | ceramic | porcelain | ivory | bone | flint | wax | wicker | bamboo
 | straw | faience | terracotta | amber | jade
tree: oak | pine | birch | maple | walnut | spruce | beech | willow | palm | fir | cedar | elm | chestnut
 | cherry | apple | olive | poplar | larch
flower: rose | tulip | lily | daisy | sunflower | orchid | lavender | poppy | daffodil | dandelion | iris
 | carnation | lotus | hyacinth | peony | marigold | crocus
plant: cactus | fern | moss | ivy | grass | wheat | barley | mushroom | seedling | bush shrub | algae
plantpart: leaf leave frond foliage | petal | root | stem stalk | branch bough twig | trunk | seed | thorn | cone
 | needle | bark | bud | bloom blossom
person: man gentleman guy | woman lady | boy | girl | baby infant | child kid | person
agegroup: teenager adolescent teen | child kid | baby infant | toddler | adult
kin: mother mum mom | father dad daddy | grandmother grandma granny | grandfather grandpa granddad | son
 | daughter | brother | sister | husband | wife | aunt | uncle | bride | groom
gendered: mother daughter grandmother sister wife girl woman lady bride queen waitress actress
 | father son grandfather brother husband boy man gentleman groom king waiter actor
job: nurse | doctor physician | dentist | surgeon | firefighter fireman | policeman police cop | soldier
 | farmer | fisherman | chef cook | waiter waitress | teacher | student pupil | cyclist biker | pedestrian
 | runner jogger | swimmer | dancer | singer | musician busker | surfer | skier | skater skateboarder
 | snowboarder | driver | passenger | tourist | rider | clown | pilot | sailor | carpenter joiner | guard
 | priest | monk | king | queen | knight | shepherd | butcher | baker | postman mailman | painter | mechanic
 | plumber | hunter | gardener | scientist | patient | visitor | athlete | climber
vehicle: car automobile | truck lorry | van | bus coach | tram streetcar trolley | train | taxi cab
 | bicycle bike cycle | motorcycle motorbike | scooter | boat | ship vessel | sailboat | ferry
 | canoe kayak | submarine | plane airplane aeroplane jet aircraft | helicopter | drone | rocket
 | tractor | wheelchair | sled sledge sleigh | skateboard | snowboard | ambulance | tank | wagon cart
 | carriage | glider paraglider | balloon | stroller pram | crane | bulldozer | excavator | horse | bed
fruit: apple | pear | banana | lemon | lime | grape | cherry | strawberry | raspberry | blueberry | peach
 | plum | apricot | melon | watermelon | pineapple | mango | kiwi | coconut | tomato | potato | carrot | onion
 | garlic | cucumber | pepper | lettuce | cabbage | broccoli | spinach | corn maize | pea | bean | pumpkin
 | oranges | fig | date | olive | avocado | radish | aubergine eggplant | courgette zucchini | egg | nut
food: bread | cheese | butter | jam | honey | milk | egg | meat | fish | fruit | vegetable | rice | pasta | pizza
 | soup | salad | cake | pie | cookie biscuit | chocolate | sandwich | sausage | bacon | yoghurt yogurt
drink: coffee | tea | water | wine | beer | juice | milk | cocoa | lemonade | whisky whiskey
body: hand | foot | arm | forearm | leg | thigh | knee | elbow | shoulder | wrist | ankle | finger | toe | thumb
 | head | skull | face | eye | ear | nose | mouth | tooth | neck | chest thorax | spine | hip | pelvis
 | abdomen belly | lung | liver | kidney | brain | tail | wing | paw | beak bill | rib | jaw | stomach | heel
 | braid plait | beard | moustache mustache
scan: xray radiograph | mri | ct | ultrasound sonogram | endoscopy | mammogram
cut: axial transverse | sagittal | coronal
art: photo photograph | drawing sketch | painting | print engraving | sculpture statue | carving | mosaic
 | poster | map
furniture: table | chair | desk | bench | stool | sofa couch settee | bed | shelf | cupboard cabinet | drawer
 | wardrobe | lamp | mirror | carpet rug | curtain | cradle crib | clock | painting | bookcase
container: cup mug | glass | bowl | plate dish | bottle | jar | jug pitcher | vase | pot | pan | box carton
 | basket | bag | handbag purse | backpack rucksack | suitcase | bucket pail | barrel | kettle | teapot | tray
 | amphora | crate | envelope | tin can | urn | belt | wallet
cutlery: spoon | fork | knife | ladle | chopstick | whisk | spatula
clothing: hat | cap | helmet | jacket | coat | shirt | tshirt tee | sweater pullover jumper | dress | skirt
 | trouser | jean | boot | sandal | glove | scarf | tie | belt | sock | glasse spectacle | sunglasse
 | mask | apron | swimsuit | costume | suit | uniform | veil | sneaker | slipper | vest | hood
jewel: necklace | bracelet bangle | ring | earring | brooch | crown | pendant | watch | bead
tool: hammer | saw | drill | wrench spanner | screwdriver | plier | axe ax | shovel spade | rake | chisel | file
 | scissor | brush | ladder | thermometer | stethoscope | syringe | scalpel | microscope | telescope
 | typewriter | stick | sword | dagger | spear | arrowhead | shield | bow | rope | string
part: screw | bolt | nut | nail | washer | gear gearwheel cogwheel cog | spring | bearing | valve | pipe tube | hose
 | cable wire | plug | socket | switch | fuse | resistor | capacitor | transistor | diode | coil | chip | connector
 | battery | motor | engine | pump | wheel | tyre tire | chain | pulley | lever | blade | handle grip | spout
 | lid | rim | button | knob | tooth | hole | hinge | pedal | propeller | piston | clip | zip zipper | lock padlock
 | neck | foot | base
frame: frame | brake | saddle | handlebar | pedal
device: computer pc | laptop notebook | phone telephone | smartphone | tablet | keyboard | mouse
 | monitor | printer scanner | camera | headphone | microphone | speaker loudspeaker | radio | television tv | typewriter
 | clock | watch | oven | fridge refrigerator | toaster | vacuum | heater | fan | lighter
water: river stream creek | lake | sea ocean | pond | pool | waterfall | aquarium | puddle | fountain | canal
 | swamp marsh
land: beach shore | forest wood | field | meadow | mountain | hill | valley | desert | island | cliff | cave
 | jungle | garden | park | yard | playground | swamp | volcano | glacier
way: street road | highway motorway freeway | path trail footpath | bridge | tunnel | railway railroad | track | stairs
place: station | airport | harbour harbor port | hotel | hospital | school | church | cathedral | castle | temple
 | mosque | tower | museum | library | restaurant | cafe | bar pub | shop store | supermarket | office | stadium
 | theatre theater | factory | warehouse | barn | prison | lighthouse | windmill | bank | cinema | farm | market
 | cemetery graveyard | grave tomb | bakery | zoo | circus | university | palace
building: house | hut cabin | tent | barn | tower | castle | skyscraper | garage | shed | church | lighthouse | windmill
room: kitchen | bathroom | bedroom | cellar basement | attic | hall | corridor hallway | balcony
 | classroom
structure: door | window | wall | roof | floor | ceiling | stair step staircase | fence | gate | chimney | pillar column
sport: football soccer | tennis | basketball | baseball | golf | hockey | volleyball | rugby | chess | badminton
 | cricket | boxing
instrument: violin fiddle | guitar | piano | drum | flute | accordion | trumpet | cello | harp | saxophone
 | clarinet | organ | banjo
reading: book | newspaper | magazine | letter | menu | map | poster
vessel: pier quay wharf dock jetty | beach | deck
daytime: day daytime daylight | night nighttime | morning | noon midday noonday | afternoon | evening
 | dawn sunrise daybreak | dusk sunset sundown twilight
season: spring springtime | summer summertime | autumn fall | winter wintertime
weather: sun sunny sunshine | rain rainy | snow snowy | fog foggy mist misty | wind windy | storm stormy
 | cloud cloudy overcast | hail | frost frosty
steam: steam | smoke | water | fire flame | snow | dust
era: roman | greek | egyptian | viking | celtic | medieval | byzantine | persian | chinese | japanese | indian
 | african | french | german | italian | spanish | english | american | russian | etruscan | gothic | baroque
move: walk stroll | run jog | jump leap | swim | fly | climb | crawl creep | dance | dive | ride | drive | fall
 | sleep doze | drift float hover
posture: sit seat | stand | lie recline | kneel | squat crouch | sleep
act: eat | drink | read | write | cook | sleep | sing | swim | play | laugh | cry weep | smile | fight | kiss
 | hug embrace | wash | repair mend fix | build | sell | buy purchase | paint | dance | talk | rest | wave
 | work | cut slice | burn | find discover
handle: push | pull drag tow | throw toss | catch | carry | drop lose | lift raise | kick | hit | pour | hold clutch
size: big large huge enormous giant sizeable | small little tiny minor minuscule | medium
wealth: wide broad | narrow
tallness: tall high | low
length: long | short
thickness: thick | thin slim slender
age: old elderly aged ancient antique vintage | young youthful | new modern
heat: hot | cold | warm | cool
wetness: wet soaked | dry
dirt: clean spotless | dirty muddy filthy
filling: full filled packed | empty vacant deserted unoccupied
crowding: crowded busy packed | empty deserted quiet
opening: open opened | closed shut
brightness: light pale bright | dark dim
waking: asleep sleep | awake
damage: broken break damaged damage cracked crack fractured fracture burst | intact undamaged unbroken whole
texture: smooth even | rough uneven bumpy
curl: straight | curly curled wavy
tip: sharp | blunt dull
depth: deep | shallow
swell: calm still | stormy rough choppy
cooking: raw uncooked | cooked boiled fried baked grilled roasted
ripeness: ripe ripened | unripe
wire: wired | wireless cordless
begin: start starting beginning | finish finishing end
regularity: regular | irregular
speed: fast quick | slow
fire: burning lit | unlit extinguished
crossing: crossing intersecting | parallel
life: alive living | dead
use: used secondhand | new unused
mood: happy cheerful | sad unhappy | angry
rise: rise climb ascend | fall drop sink descend
tension: tighten | loosen
joining: join connect | separate disconnect
entry: enter arrive | leave depart exit
loading: load | unload
locking: lock locked | unlock unlocked
wrapping: wrap wrapped | unwrap unwrapped bare
growth: grow | shrink
leading: leading | trailing
inner: inner internal interior | outer external exterior
direction: horizontal | vertical | diagonal
sign: positive | negative | neutral
curve: convex | concave
anterior: anterior | posterior
medial: medial | lateral
benign: benign | malignant
sealing: sealed | unsealed
folding: folded | unfolded
tightness: tight | loose
weight: heavy | lightweight
hollow: solid | hollow
opacity: opaque | transparent
gloss: matt matte | glossy shiny
pattern: striped | checked checkered chequered plaid | dotted spotted | floral | plain
compass: north northern | south southern | east eastern | west western
rural: rural | urban
melting: frozen | melted molten thawed
taste: sweet | sour | salty | bitter
sound: loud noisy | quiet silent
legs: barefoot | shod
middle: centre center middle | edge border margin
level: axial | radial
vague: many numerous | several some few | dozens | hundreds | thousands
unit: mm millimetre millimeter | cm centimetre centimeter | m metre meter | km kilometre kilometer
 | inch | kg kilogram | g gram | ml millilitre milliliter | l litre liter | percent | x | v volt | w watt
"""
# Families in which "not open" says "closed".
_BINARY = word_set(
    "opening filling wetness dirt waking damage ripeness fire life wire regularity depth"
)


@lru_cache(maxsize=1)
def families() -> dict[str, list[frozenset[str]]]:
    """{family: its groups of words}."""
    found: dict[str, list[frozenset[str]]] = {}
    for line in _FAMILIES.strip().replace("\n ", " ").split("\n"):
        name, _, groups = line.partition(":")
        found[name] = [frozenset(group.split()) for group in groups.split("|")]
    return found


@lru_cache(maxsize=1)
def opposites() -> dict[str, str]:
    """{word: a word for its opposite}, of families with two groups of which one must hold."""
    pairs = (groups for name, groups in families().items() if name in _BINARY)
    return {
        word: sorted(other)[0]
        for one, two in pairs
        for mine, other in ((one, two), (two, one))
        for word in mine
    }
