# SPDX-License-Identifier: Apache-2.0
"""Given names in Latin letters, by which a name is told in small letters, or from a heading.

They are those of the lists for eighteen languages and countries of Faker (MIT licence, Daniele Faraglia), which took
them from the censuses and registers there, in small letters without accents, less what is foremost another word.
"""

from __future__ import annotations

from typing import Final

GIVEN: Final = frozenset(
    """
aaaqil aaban aabid aachal aadam aadhya aadi aadil aafiya aahana aahil aalam aalee aalim aaliyah aamil aamir aamirah
aaqil aarav aarif aarini aariz aarna aarnav aaron aarush aaryan aashi aashif aashir aasif aasim aatif aatiq aaus
aayan aayush aazim abaan abayomi abbas abbie abdi abdirahman abdis abdul abdullah abdullahi abebi abeer abel abeni
abha abhimanyu abhiram abid abigail abilio abiodun abiona abiye abosede abraham abram abril abuzar abyasa acar
achille achim aclan ada adak adal adalberto adam adamo adan adasal adebiyi adebowale adebukola adedayo adedeji
adekitan adekola adekunle adela adelaida adelaide adelardo adelasia adele adeleke adelia adelina adelmo adem adenike
adeniyi adeolu adeoti adepeju aderopo adesewa adeshina adesoji adesua adetayo adetoke adetoun adeyi adigun adika adil
adila adina aditya adlan adnan adolf adolfo adora adoracion adrian adriana adrianna adriano adrien adrienne adunni
advaith advay advik advika adviye adweta adya aenne afer afife afolarin agapito agastya agata agatha agathe agmur
agne agnes agneta agnieszka agnolo agostino agueda agus agustin agustina ahat ahmad ahmed ahmet ahsen ahter aiden
aime aimee aina ainara ainoa aisha aishani aisyah aitana aitor ajala ajani ajeng ajiman ajimat ajimin ajiono ajoke
akalan akanmu akar akatay akay akbas akboga akcasu akdora ake akgol akif akinkunmi akinlabi akinwale akise akoz aksay
akshay aksoy akver alade alain alamu alan alana alaz alba alban albano alberico albert alberto albin albina albino
alcan alcides alderano aldo ale alec alejandra alejandro alejo aleks aleksander aleksandra alena alessandra
alessandro alessia alessio alex alexa alexander alexandra alexandre alexandria alexandrie alexei alexej alexia alexis
alf alfio alfons alfonso alfred alfredo algot ali alice alicia alicja alida alika alina aline alisha alison alix
aliyu alize alka alkor allan allana allegra allen allison alma almast almira almudena almus almut almuth alois
alondra alonso aloys alpcan alphons alphonse alpin alpsu alsoy altug alva alvar alvaro alve alvin alwin alwina alwine
alyssa amac amada amadeo amadeus amado amador amahle amaira amalia amalie amancio amanda amando amara amarilis amaro
amaya ambar amber ambrosio amedeo amelia amelie americo amico amilcar amin amina aminatu amir amira amleto amoke amol
amope amor amparo amre amrita amruta amy ana anabel anacleto anais anamika anas anastasia anastasie anastasio
anastazja anatol anay anders andic andile andre andrea andreas andree andrei andrej andres andrew andrey andrzej andy
aneta anett anette angel angela angeles angelica angelika angelina angelino angelita angelo angie ani anibal anica
aniela anika anirudh anita anja anjali anka anke anmol ann anna annabel annak annalisa annamaria anne anneke anneli
annelie annemijn annett annetta annette anni annibale annica annie annika annikki annita annunziata anny anom anouk
ansaldo anselm anselma anselmo ansgar ansh ante antero anthony antje anto antoine antoinette anton antonella
antonello antoni antonia antonietta antonina antonino antonio antony anusha anvi anya apolinar apollo apolonia april
araceli aradhana aral aran aranzazu arcan arcelia argono argu arham aria ariadna ariana ariane arie ariel arif arike
arin arinola aris aristides arjun arkadiusz arkut armando armida armin arnaldo arnaude arnd arndt arne arnim arno
arnold arnulf arnulfo aroa aron arpag arsenio arta artan artemio arthur artur arturo arunima arvid arya aryan arziye
arzu asa asafe asake asalet ascension asdrubal ase ashan ashlee ashleigh ashley asiman asir asliye asmadi asman
asmuni assar asta aston astrid asuncion aswani atagun atalay atanur atenulf atfat atgun atharv atheel ati atilio
atinuke atiyye atma atmaja atnan attaf attila audrey august auguste augustin augusto auraq aurea aurelia aureliano
aurelie aurelio aurora aurore austin autumn avi avni avsin avunc awadil awamil awamiri awan awani awero awj awlya
awmar awrad axel aya ayaan ayamin ayasun aybet aybora aycan aydar ayden aydinc ayduru ayhan ayinde ayinke aykut ayla
aylil aylin aylla aynur ayodeji ayodele ayoka ayoub aypar aysan aysar ayse aysel aysema aysoy aysuna aytek ayten
aytoz aytuna ayush ayushman ayvas ayyubi azaan azad azade azahar azahara azalea azban azeeb azeglio azeneth aziz
azize azra azucena baahir baaizeed baaqee baaqir baaree baashir baasim baasit baba babar babasola babatunji babawale
baber babett baccio bachittar badawi badr bagas bagdas bagdat baghyawati bagiya bagus bagya baha bahaa bahadurjit
bahiy bailey bairbel bakda bakhshi baki bakti bala balca baldassare baldomero balduino baldur baleegh balendra
balhaar bali baljiwan baltas baltasar balvan balveer bambad banara banawa banawi bancar banjeet banu baqar baqir
barak barbara barbel barbro baris barkha barr barraq barry barsen bart bartek bartolome bartolomeo bas basaam basay
baseer basel basem bashaar bashaarat bashan bashar basharat basheer basheerah basil basilio basim basir basok bassam
bastiaan batal batool baudelio bautista baydu baykan bayman bayram baytal bazam beata beate beatrice beatriz beau
becky bedi bedri begim begona behiza behrem bekbay bekir bela belen belinda bella bello ben benedetto benek bengt
benice benicio benigna benigno benita benito benjamim benjamin benno benny benoit benol bente benthe bento benvenuto
beppe berat beray beren berend berenice berezat bergen berit beriye berkal berki bernabe bernadette bernard bernarda
bernardino bernardita bernardo bernd berndt bernhard bernt berran berrin bert berta bertha bertil berto bertrand
besey besin beste beth bethan bethany betina betti bettina betty beverley beverly beyda beyler bezek bhanumati
bhavani bhavika bhavini bhavna bhavya biagio bianca bianka bibi bibiana bican bienvenida bilaal bilal bilay bilgen
bilkay bilkisu bill billy biltas bimala bina binay birben birger birgid birgit birgitta birgul birousk birsan birsen
birte birthe bisar bishakha bitul bizhan bjarne bjorn blake blanca blanka blas boaz bob bobby bodil bodo boel bogdan
bolatito boluwatife bonifacio bonnie boris borja borje borys boynak bozbag bozena bozerk boztas brad bradley brady
bram brandi brandon brandy branka branko brayan breanna brenda brendan breno brent brett brian briana brianna bridget
brigida brigitte brijesh brinda brit brita britt britta brittany brittney brooke bror bruce bruna bruni brunilda
bruno bryan bryce budi buget buhari bulunc bunmi buraid burc busra cabir caga cagak cagdan cager caglar cahya cahyo
caio caitlin caitlyn cajsa cakar caket calcedonio caleb calebe calista calisto calixta calixto callum calogero calvin
cameron camila camilla camille camillo camilo camok canan candace candela candelaria candelario candelas candice
candida candido candra cangur cannur cansin cantez canur capa capkan capucine caraka caren caridad carin carina carl
carla carlijn carlito carlo carlos carlota carly carmela carmelita carmelo carmen carmina carol carola carole carolin
carolina caroline carolyn carrie carub casandra casemiro casey casper cassandra cassidy cassie catalina catarina
caterina catharina catherine cathrine cathy cato catrin catur caua caue cavit cawuk cayadi cayetana cayetano cebrian
cecep cecile cecilia cecilio cedide ceferino celal celem celestina celestino celia celina celine celso cemal cemani
cemeti cemil cenan cengiz centa cerci cercis cesar cesare cetin cevale ceyhun ceylin cezary chaaya chad chaitaly
chaitanya chakradev chakradhar chakrika chamali chaman chameli champak chanakya chanchal chandani chandran chandresh
changaz chantal charan charita charlene charles charlesh charlie charlott charlotta charlotte charo charvi chase
chashida chasmum chatresh chatura chavvi chawish chelo chelsea chelsey chema cheragh cheryl cheyenne chiara chidi
chita chloe chris christel christelle christer christian christiane christie christin christina christine christofer
christophe christy chucho chus chuy cici cihan cilga cilli cilly cindy cinerk cinta cintia cipriano ciriaco cirillo
cirino ciro cisem citra claas claes claire clara clare clarence clarice clarisa clas claude claudia claudine claudio
claus clayton clelia clemence clemente clementina cleto clifford climaco clinton clive cloe clotilde cody cogay cokan
cole colette colin colleen collin colpan colton coluccio concepcion concetta concha connie connor conny conor conrad
conrado constance constanza consuela consuelo copur cora coral corey corina corinne coriolano cornelia cornelio
cornelis corona corrado cory cosima cosimo coskun cosme costantino costanzo courtney craig crescencia cristian
cristina cristobal cruz crystal cuman curro curt curtis custodia custodio cynthia cyprian daamin daan daanish
daanyaal daawood dabbah dabir dacin dadap dadi dafne dag dagel daghfal dagmar dagmara dagny daisy daiyaan dajana
dakhil dakota daksh daksha dakshesh dalaja dalan dalbir dale dalila dalima dalton damar dameer damian damiano damien
damife damini damon damu damurah damyanti dan dana danang dani danica daniel daniela daniele daniella danielle danilo
danique danish danjuma danny dante danu danuja danuta daphne darain daria darika darin dario darius dariusz darko
darlene darman darpan darrell darren darryl darsh daru daruna daryl dasa dastageer dave davi david dawid dawn dawud
dayamai dayar dayita dayyaan dean deanna debbie debora deborah debra declan deepa deger deha delfina delfino delia
delil demetrio demi demilade denis denise deniz denkel dennis denny derek derkay derrick desiderio desiree destiny
detlef detlev devansh devi devika devin devon dewi dex dhriti dhruv diah diamond dian diana diane dick diego dierk
dieter diken dilara dilcan dilder dilhus dillon dilsat dimas dimaz dina dincer dincsu dinda dino diogo dion dionigi
dionisia dionisio dipa dipta dirja dirk dirlik ditmar divan divya diya dmitri dodo dogan dolores dolun dom domenico
dominga domingo dominic dominik dominique domitila don donald donata donatella donatello donato doner donna dono dora
doreen dorina doris dorit dorita dorle dorota dorotea dorothee dorothy dorte dorthe douglas doyinsola dragan drago
drajat drew duane duha duilio dulce duncan dunja durab durante durodola dursun duruk duruoz dusan dustin duuk dwayne
dylan dylano earl ebba ebbe ebony ecegul ecemis eckard eckart ecrin edda eddie edelmira edelmiro edgar edgardo
edhitha edison edith editha edmund edmundo edoardo edouard edu eduard eduarda eduardo edvard edvin edward edwin eesaa
eesha efil efrain efser egbert egenur eggert egon ehan ehsaas ehsan eijaz eileen einar eira eiravati eitel eivor ejaz
ejlaal ekaja ekalinga ekani ekansh ekanta ekantika ekapad ekaraj ekavir ekbal ekber ekiya ekmel ekrem ekta ekundayo
eladio elaf elaine elba eleanor eleanora elena eleni eleonor eleonora eleonore eleuterio elfi elfie elgin elhan eli
eliana elias elif eligia eligio elijah elin elina eline elinor elis elisa elisabet elisabeth elise eliseo eliza
elizabeth elize elke ella elladio ellen elli ellie ellinor elliot elliott ellis elly elma elmar elmer elmo elna elnur
eloa eloah elodia elodie elof eloisa elon elove eloy elpidio elsa elsie elsy elton eluh elvan elvin elvina elvira
elvis elvy elwira elzbieta ema emal eman emanuel emanuella emanuelly emas embuh emelie emelina emigdio emil emile
emilia emiliana emiliano emilie emilio emilly emily emin emine emir emis emma emmanuel emmanuelle emmi emmy emong
emperatriz empluk emran enar encarna encarnita endah endra enes enfes engin engla eniola ennio enno enrico enrique
ensari enteng enver enzio enzo epifanio eral eraldo erasmo erbay erbil ercan erdal erem ergul ergun erhard eric erica
erich erick erik erika erin eris erkan erksoy erland erling ermanno ermes erna ernest ernesto ernst erogul erol eroz
ersat ersec ersel ertan erten ertun erwin eryk esfandyar eshan eshana esila esim eskil esmee esmeralda esna esperanza
espiridion esref esteban estefania estela estelle ester esther estrella esupofo eta etelvina ethan ethel etienne
etizaaz etta ettore eufemia eugen eugene eugenia eugenio eulalia eusebia eusebio eustaquio eutimio eutropio eva evald
evan evangelina evaristo evde evelia evelien evelin evelina evelyn evert evi evie evita evrim evy ewa ewald ewatomi
ewelina eyyup ezequiel ezgin ezio faas fabia fabian fabiana fabienne fabio fabiola fabricio fabrizia fabrizio
fadekemi faderera fadile fadime fahmi faith faizah faizan faize falak falan falguni falk falko fami fanny faqid farah
faraj faras farhan fariq faris faruk fatih fatima fatma faustino fausto fay faye fayize fazli fazul febe febi fedde
fedele feden federica federico federigo fedor fehim fehintola felicia feliciana feliciano felicidad feline felipa
felipe felisa felix fem femke fenna fenne fenni ferat feraye ferdi ferdinand ferdinando ferenc ferhan fermin fernanda
fernando fersan feryas ferzi feyha feyruz feyzin feza fiamma fibikemi fidaye fidel fidela fidvi fien fiene fikayomi
fildan filip filippa filippo filit filiz filomena finn fiona fiorenzo fiorino fitan fitnat fito fitria fiyaz flavia
flavio fleur floortje flor flora florence florencia florencio florentina florentino florian florina florinda floris
folashade folke folker folu fortunata fortunato frado franca frances francesca francesco francis francisca francisco
franciszek franck franco francois francoise franjo frank franka franklin frans franz frauke fred freddy frederic
frederick frederique fredi fredo fredric fredrik fredrika fredy freia freja freya frida frieda friedl friedo fritz
fryderyk fugen fulgencio fulvio fuzuli gabel gabi gabino gabor gabriel gabriela gabriele gabriella gabrielle
gabrielly gaby gada gadang gading gaduh gael gaetano gagan gail gaiman gaja gala galak galang galar galasso galih
galina galip galo galuh galur gaman gamani gambo ganda gandi ganep ganga gangsa ganim ganiye gantar gara garan garang
garda gareth garima garrett garry gary gaspar gaspare gasti gaston gastone gatot gatra gaurang gaurangi gaurav gauri
gaurika gautam gautami gavin gawati gayathri gazel gbadebo gbolahan gbowoade geert geetika gelsomina gema gemma
gencay genevieve genoveva genta geoffrey georg george georges georgia georgina gerald geraldine geraldo gerard
gerardo geray gerd gerda gerdi gereon gerhard german germana gernot gero gerold gerolf geronimo gerrit gert gerta
gerti gertrud gertrudis gervasio gerwin gesa gesche gesine geza ghaalib ghaazi ghaffaar ghafoor ghaith ghalib ghanee
ghanem ghani ghannam ghasaan ghauth ghawth ghayoor ghazalan ghazanfar ghazanfer ghazawan ghazi ghazzal ghiyaath
ghiyath ghufran ghulaam ghulam ghunayn ghusharib ghusun ghutayf giacinto giacobbe giacomo giada giampaolo giampiero
gian giancarlo gianfranco gianluca gianluigi gianmarco gianna gianni gianpaolo gianpietro giel gijs gil gilang
gilbert gilberto gilda gilles gillian gillis gilman gina gino ginyas gioacchino gioachino gioele gioffre gionata
giorgia giorgio giosue giovanna giovanni girik girindra girish girolamo gisa gisela gitta gitte giulia giuliana
giuliano giulietta giulio giuseppe giuseppina giustino glauco glen glenda glenn gloria godofredo goffredo gohar gokay
gokce gokcil goken goknur goksev gokten goli gonen gonul gonzalo gopal goran gordon gorklu gorsev gosta gote gottfrid
gotz goyo gozel gozem grace gracia graciana graciano graciela graeme graham grant graziano graziella greca greco greg
greger gregg gregoire gregor gregorio gregory greta grete gretel gretl griselda grit grzegorz guadalupe guarino gucal
gudrun gudula guglielmo gugu guido guilherme guillaume guillermo guiomar gulab gulaga gulay gulce guldam gulder gulel
guler gulev gulfaam gulfam gulgen gulper gulsa gulsen gulshan gulsu gulten gulter gulus gulzar gunar gunbir gunborg
gunda gundel gunden gundi guneet guneri guney gunhild gunilla gunnar gunnel gunsel gunsen gunser gunter gunver gunvor
gursal gurten gustaf gustav gustavo gustaw gusti guus guusje guy guzey gwendolyn habiba habibe habibu hacile hadassa
hadi hadiza hadrey hafsat hagen hailey hajo hakan haley halil halim halima halina haliye haluk hami hamid hamima
hampus hamsini hamza hamzah hana hani hanife hanim hanna hannah hanne hannele hannes hanni hanno hanns hanny hans
harald hardi hardik hardy hari harinakshi harini harish harita hariz harja harjo harnail harold haroldo harri harriet
harrison harro harry harshil harto haruna hasan hasbek hasgul hasim hasna hasret hassan hasso hasta hatem hatice
hatin hauwa havali havse hayali haydee hayden hayel hayley hayret hazeem hazel hazine hazrat heather hector hedda
hedi hedvig hedwig hedy heide heidi heike heiko heimo heiner heini heino heinz heitor hekime hekmet helen helena
helene helga helge heliodoro hella hellena helma helmar helmer helmut heloisa hema hemal hemang hemangini hemani
hendra hendri hendrik henife henner henni henning henny henri henric henrietta henriette henrik henrique henry henryk
heraclio herbert herberto heriberto herma herman herminia herminio hernan hernando herta hertha heru herwig hesti
heva hidde hidir hilario hilary hilda hilde hilding hillevi hilma hilmar hindal hinet hipolito hiral hiroshi hitesh
hjalmar hjordis holger hollie holly holm honore horacio horst hortense hortensia howard hredhaan hritik huban hubert
huda hugh hugo hugues hulda hulya humberto hunalp hunter hurmet husmen hussein huzaifa huzuri iain ian ibaad iban
ibidapo ibironke ibn ibraaheem ibraheem ibrahim ibrani ibun icha ida idika idiris idrees idris idun iesa iftikhaar
iftikhar ige ignacia ignacio ignacy ignatz ignaz ignazio igor ihab ihsaan ihsan ihtesham ihtiram ihtishaam ihtsham
ijaya ijli ikbal ikeoluwa iker ikhlaas ikhsan ikin ikiz iklim ikraam ikramah ikrimah ikshita ilan ilaria ilbek
ildefonso ildem ildes ildiko ileana ilgi ilhan ilias ilija ilim ilja ilka ilkim ilona ilonka ilper ilsa ilse ilsu
ilyas imam imaran imelda imge imke immo imran imre imren ina inaya indah indali indira indra indrajit indy ines inez
ing inga ingalill inge ingeborg ingegard ingegerd ingela ingemar inger ingmar ingo ingolf ingrid ingvar inigo
inioluwa inka inken inmaculada inna inocencio insa insaf intan iolanda ippazio ira irena irene iretioluwa irfan
iriana irina iris irma irmela irmi irsad irwan irya isa isaac isabel isabela isabell isabella isabelle isabelly isac
isadora isaiah isaias isak isaque isaura iscan ise iseoluwa isha ishaan ishani ishanvi ishita ishola ishwar isidor
isidora isidoro isidro isin isis islime ismael ismail ismet isolde isra istvan itziar ivan ivana ivanka ivar ivecen
ivo ivonne ivy iwan iwo iwona iyabode iyadunni izaaz ize izel izgu jaabir jaafar jaan jabal jabbaar jabir jabr jacek
jacinta jacinto jack jackie jackson jaclyn jacob jacobo jacopo jacqueline jacques jad jade jaeman jafar jafet jaffer
jaga jagat jagdish jagrati jagvi jahangir jahanzeb jahdami jahdari jahiz jahm jai jaiman jaime jairaj jais jaka jake
jakob jakub jalaal jalal jalees jalil jalsa jamaal jamal jameel james jamie jamil jamila jan jana janaki janani jane
janet janett janice janin janina janine jankat janko jann janna janne janos januja janus janusz janya jared jari jarl
jarwa jarwi jasmijn jasmin jasmine jasmit jason jasper jati jatin javi javier javiera jay jaya jayadi jayda jayden
jayeng jaylinn jayne jayson jean jeanette jeanne jeannine jedrzej jeet jeevika jeff jeffery jeffrey jefri jelena
jelita jelle jelte jemma jenaro jenna jennie jennifer jenny jens jente jeremi jeremiah jeremias jeremy jerker
jermaine jerome jeronimo jerry jerzy jesper jesse jessica jesus jesusa jhalak jill jillian jim jimena jimmie jimmy
jinawi jindra jinthe jip jiri joachim joacim joakim joan joana joann joanna joanne joao joaquim joaquin joaquina
jobst jocelyn jochem jochen jodi jodie jody joe joel joelle joep joerg joey johan johann johanna johannes john
johnathan johnny joko jolanda jolie jolijn joline jon jonas jonatan jonathan jonathon jonna jonny jono joost jordan
jordana jordi jordy jorg jorge jorgen joris jorn jort jose josef josefa josefin josefina josefine josep joseph
josephine josette josh joshua josip jost josue jovan jovita joy joyce jozef juan juana juanita juanito judith judy
juhani jules juli julia julian juliana julianna julie julien juliet julieta juliette julio julita julius juliusz
jumadi jumari june juni junior jurgen juri jurij jurre justin justus justyna jutta juul juwon jyoti kaamil kaarina
kaashif kaazim kabeer kabir kabiru kachela kacper kacung kader kadir kafeel kahir kai kaique kairav kaiser kaitlin
kaitlyn kaj kaja kajen kajetan kajji kajsa kala kalbi kaleem kaleema kalevi kalgay kalim kalina kalle kalpit kamal
kamala kamar kamil kamila kamilly kamran kamya kanak kanda kandef kani kania kara karaamat karaca karaer karam karan
karcan kardi kareem karen kari karim karin karina karja karl karla karlijn karman karna karol karola karolina karsa
karta karya kasam kashan kashif kashish kashvi kasif kasim kaspar kasper kata katarina katarzyna kate katelyn
katharina kathe katherine kathi kathleen kathryn kathy kati katie katja katrin katrina katy kauthar kaver kavurt
kavya kawaca kawaya kawkab kawthar kay kayla kaylee kayleigh kaysan kayun kazi kazim kazime kazimierz keano kefser
keisha keith keji kelami kelli kellie kelly kelsey kemal kemba kenan kenari kendra kenes kenji kennet kenneth kenny
kent kenter kenth kenzie kerime kerman kerri kerry kerstin kete kevin keya keyaan kezban kezia khaalid khaan khadija
khaled khalid kiaan kian kiara kibar kieran kifaye kike kikelomo kiki kilian kim kimberley kimberly kira kirk kirsten
kirsty kitan kiyasi kjell klaas klara klare klas klaus knud knut kocak kockan koen koker koko koktas kolawole koldan
konrad konstanty kopan koray korede kornel kornelia kotuz krish krisha krishna krista kristen krister kristi kristian
kristie kristin kristina kristine kristofer kristoffer kristopher kristy kritika krystal krystian krystyna krzysztof
ksawery kubran kumar kumral kuno kurnia kursad kurt kusuma kutay kutgun kutun kwame kyan kyano kyara kyle kylie kyra
laban labeeb labib labuh lacey ladli laeeq laetitia lage lahiah laika laila laiq lais laith lajita lajlaj laksh
lakshit lakshmi lala lale lalita lalo lamar lamberto lana lanang lance lando lanjar lantar laqeet lara laras larissa
larry lars lasse laswi laszlo latasha lateef latif latika latoya laura laure laureano lauren laurence laurens laurent
lauretta laurie lavanya lavinia lawrence layth lazaro laze lazzaro lea leah leandra leandro leanne ledun lee leela
leena lega legawa leia leif leigh leila leire leke lekha lembah lena lene leni lenn lennart leo leocadia leocadio
leon leona leonard leonardo leoncio leone leonel leonid leonie leonor leopold leopoldo lere leroy lerze lesley leslie
leszek leticia letizia levi lewis lex leyla leyli leyre lezize liam liana liane liban liberto libni licia lidia
lidija lidya lieke liesa liesel lieve ligia liisa lila lili lilia lilian liliana lilija lill lilla lillemor lilli
lilly lilo lily liman limar limazah limon lina linda linde lindsay lindsey linn linnea lino linus lioba lipika lis
lisa lisandro lisanne lisbet lisbeth lise liselott liselotte lissi lissy liv livia livio liwia liyaaqat liyaqat liz
liza lize lizz lizzy lodovico loek loes logan lohit loida lois loke lola lolita loni lonnie loot lopa lope lore
loredana lorena lorenz lorenza lorenzo loreto loretta lori lorraine lothar lott lotta lotte lotti loui louie louis
louise lourdes lova lovis lovisa lowe luan luana luara luay luc luca lucas lucca luce luchino lucho lucia luciana
luciano lucie lucila lucio lucrezia lucy ludger ludovica ludovico ludvig ludwig lufen luhung luigi luigina luis luisa
luise luisina luiz luiza luka lukas luke lukita lukman luluh lulut luna lunna lupe lupita luqmaan luqman lurhur lut
lutf lutfan lutfi luthfi lutz luuk luwar luwes luz luzia luzie lydia lykke lynda lynn lynne maahir maaike maajid
maalik maanas maanav maarit maarten maartje maawiya maaz maazin mabad macarena macaria macario macide maciej
mackenzie madani madeleine madelene madelief madeline madhav madhavi madison madiyan madlen mads madyan magda
magdalena maggie magnus magret magrit mahad mahaz mahbeer mahboob mahbub mahdee mahdi mahdy maheen maher mahesa
mahfooz mahfud mahfuj mahfuz mahika mahir mahja mahmood mahmoud mahmud mahmut mahnaz mahsun mahter maida maik maike
maite maj maja majd majdi majdy majeed majken majvor makara makayla makeen maks maksur makuta mala malcolm malena
malgorzata malik malika malin mallory malte malva malwina maman mamen mamun manah manan manbir mandla mandy manfred
manja manola manolo manon mans manthan manu manuel manuela manuelita manuella manya mar mara maras marc marcel
marcela marcelina marcelino marcella marcelle marcello marcelo marcia marcial marciano marcin marcio marco marcos
marcus mare mareen marek maren marga margaret margareta margaretha margarita margaud margaux margherita margit margot
margret marguerite mari maria mariah mariam marian mariana mariane marianela mariann marianna marianne mariano
maribel marica maricela maricruz marie marija marijn marika marilyn marina marino marinus mario marion marisa
marisela marisol marissa maristela marit marita marius mariusz marja marjan marjatta mark marko markus marlen marlene
marlis maroof mart marta marten martha marthe martin martina martine martino martirio martyn marvin mary maryam
maryse masar maside mason massimo masume mateo mateus mateusz matheo matheus mathew mathias mathijs mathilda mathilde
matias matilda matilde mato mats matteo matthew matthias matthieu matthijs matti mattia mattias matts maud maura
maureen maurice mauricio maurilio maurits mauritz maurizio mauro maurycy max maxi maxim maxima maximiano maximilian
maximino maximo maxwell maya maynur maysa mayte mazlum mckenzie meagan mecide mecit meera mees megan megha meghan
meghana mehdi mehmed mehmet meik meike meja mekhala melaha melania melanie melchor melina melinda melisa melissa
melita melker melle melody melul melvin melwin memili mengi menguc meral merba mercedes merche merdi meredith merel
merijn merim merle mertel merva meryem merzuk meshur mestur mesude mesut meta metin mette mevlut mezide mia micael
micaela micha michael michaela michal micheal michel michela michele micheletto michelle michelotto mick mieszko
miguel miguela mihin mihrab mijo mika mikael mikaela mikayla mike mila milagros milan milay milena milica milka milla
milo milos milou milton mimmi mina mindy minibe minna mio mira miranda miray mirco mireia mirella miriam mirja mirjam
mirko mirta mirte mirthe mishat misra misty mitali mitchell mitesh mitra mizhir mnqobi moa modesta modesto modupe
mofifoluwa mohamad mohamed mohammad mohammed mohini mohsim moises mojisola mojisoluwa molly mona monica monika
monique monis monja montserrat moradeke morayo morena morenike moreno morgan moritz morolake morris mosunmola
motunrayo mourib moyosore muarra mufide mufit mugber mugdha muhallil muhammad muhammed muhazzim muhip muhiye mujde
mujur mulya muni munif murat muret murilo murit murti musa muslum mustafa musure mutia muzdahir muzhir myriam myrthe
mzamo naadir naail naajy naasih naasir naathim naazhim nabeeh nabeel nabhan nabigh nabih nabil nabila nachiket nacho
nacio nada nadeem nades nadhir nadia nadim nadin nadine nadir nadja nadr naeem nafasat nafees nafesa nafii nafile
nafis naib naide nail naim najair najam najeeb najib najwa nakip naksh nakul nalan nalar nancy nandini nando nanna
nanni naomi napoleone naradi narcisa narciso nardi narji nasab nasiba nasim nasiru nasuf natali natalia natalie
natalio natan natanael nataniel natasha natasza nath nathalie nathan nathaniel natividad naud naveen nayara nayil
nazaret nazario nazi nazlim nebih nebiha necati necdat necva nedda neel neelima nefiye neha nehip neil nejdet nela
nelida nelli nellie nelly neo neptun nerea nereida nerim nermin nesfe nesip nesrin nestor netra neval nevgin nevise
nevsal neyran nezihi nezize ngozi nicanor niccolo nicholas nichole nick nicklas niclas nico nicodemo nicola nicolas
nicolasa nicole nicoletta nicolo nidhi nidia nidra niek niels nienke nieves nigel nigmet nihai nihal nihan niharika
nikita nikki niklas niko nikodem nikola nilam nilcan nilda nili nilima nilo nils nimrat nina ninetta ninioluwa nino
ninthe nirgul nirja nisa nisha nitara nitesh niyaga niyazi niyilolawa noa noah noe noel noelia noelle noemi noman
nomusa noor noortje nora norah norbert norberto norma norman noud nour nout nova novi noxolo nrima nudret nura nural
nuran nuray nurcan nurda nurey nurgil nuri nuria nurice nurkan nursan nurser nursim nurtac nurten nurul nuyan nyana
nydia nynke nyoman oba obaid obanijesu obdulia oceane octavia octavio odalis odalys odette odika oeshi ofelia oganer
oget ogooluwa ogus ojas ojasvi okanay okbay oke okkas okta okto okturk ola oladare oladimeji olaf olajumoke olakunle
olalla olanrewaju olansile olasunmbo olav olavi olca oldag ole olegario olena olga olgierd olimpia oliva oliver
olivia olivie olivier oliwer oliwier olle olof ololade olov olufunke olus oluwafemi oluwakemi oluwasanmi oluwasegun
oluwole omaca omair omaja oman omar omeir omisha omkaar omobobola omobolanle omodunni omolabake omolara omosalewa
omotara omotayo omotola omotoun omowumi omran omriye omur omya onat oncel onel ongay ongen oni onkar onofre onsal
onuker onursu onveer opan opung orazio orcin oreofe oreste orfiye orgun orhan oriana orik orinder orjan orlando
ornella ortak ortrud ortrun ortwin oruc osama oscar osha oskar osman ossama ossian osten osunleke osvaldo oswald
oswin otavio otay othmar otilia otmar ottavio ottilia ottmar otto ottone ove ovidio oviya ovun owais owen owethu
oxana oyenike oyindasola oymak ozakan ozansu ozay ozbay ozcam ozdal ozdes ozdil ozel ozge ozger ozgun ozgur ozinal
ozkent ozlem ozlu ozokcu oztek ozturk ozyurt pablo paca pacifica paco padma padmi pahal paige paiman paker paksu
pallavi palmira paloma pam pamela panca pancho pandu panfilo panini panji paola paoletta paolo pardi paride paris
parker parman parsa parth parvez pascal pascual pascuala pasqual pasquale pastor pastora patric patricia patricio
patrick patrik patrizia patrizio patryk patty paul paula paulette paulin paulina pauline paulino paulo pavani pavel
pawel paye paz peder pedro peggy pehlil pekka pekkan pelayo pelle pellegrino penelope penny pepe pepijn pepita pepito
peren perla perlita permun pernilla pero perry pervaiz pesent petar peter petra petrona petros petter phileine philip
philippe philippine phillip phyllis pia piedad pien pier pierangelo pierina pierluigi piermaria piero pierpaolo
pierre piersanti pieter pietra pietro pilar pili pim pina pio piotr pippa piran pirmin pius placido pleun plinio
polina pompeo pomponio poncio pontus pooja porfirio praba prabu pranav praneel pranit pratyush preston prima
primitiva primitivo priscila priscilla prisha priska priya prudencia prudencio puccio puck puji puk puput purcek
purwa pushti puspa puti putri putu qaadir qaasim qabeel qabil qadar qadeer qadi qadim qahtan qaim qais qamar qani
qanit qareeb qarin qaseem qasid qasif qasim qatadah qawee qay qays qori quadir qudamah quddoos qudoos quincy quinn
quinten quinty quique quirino qurban qusay qushi qutaybah qutb qutub raaghib raagini raahil raakin raamis raamiz
raashid raatib rabah rabar rabb rabbaanee rabbani rabea rabee rabi rabiah rabih rabit rachael rachana rachel rachit
rachita radeke raden radha radhee radhika radi radika radit raed raees rael raf rafa rafael rafaela rafan rafay rafee
rafeek rafeeq raffaele raffaella raffaello rafi rafia rafid rafih rafiq raghav ragheb raghib ragnar ragnhild rahat
rahayu raheel raheem rahel rahiye rahman rahmat rahmet rahmi raid raihan raik raimondo raimundo raina rainer raisa
raissa rajata rajeshri rakide raksha ralf ralph rama ramiro ramon ramona rana ranbir randall randy rangga ranieri
ranveer raquel rasmus rasul ratih ratna raul raven ravi ravy ray rayaan rayan rayla raymond rebeca rebecca rebecka
rebekah recep reece refet refik regina reginald regine regulo rehaan rehime reimar reimer reina reinaldo reine reiner
reinhold reksa rembrandt remedios remigio remo remy rena renan renata renate renato rendy rene renee rengul reni rens
renske renzo resi restu reva revza reyansh reyes reyna reynaldo reza rezin rezzak rhavi rhonda rhys ria ricarda
ricardo riccardo ricciotti richard rick rickard rickey ricky rico ridhi ridwan rigmor rigo rik rika rikard riley rina
rini rishi rita riya riza rizki roan robby robert roberta roberto robin robyn rocco rochus rocio rodney rodolfo
rodrigo rogelio roger rohaan rohan rohat rojnu roksana roland rolando roldan rolf roman romana romeo romina romolo
romulo romy ronald ronaldo ronith ronja ronke ronnie ronny roos roque rosa rosalia rosalie rosalina rosalinda rosalva
rosaria rosario rosaura rose rosel rosemary rosenda rosendo rosi rosie rosina rosita rosl rosman ross rossana rouven
rowan roxana roy roza rozalia ruben rudi rudolf rudra rufina rufino ruggero ruggiero ruhide ruhsat rune rupert
ruperta ruperto ruqayya rusen rushil rusman russell rusul rut ruth ruwaihim ruy ryan ryszard saabir saad saadat
saadiq saafir saahir saaiq saajid saal saalih saalim saanvi saaqib saar saariyah saba sabah sabahat saban sabar sabas
sabatino sabbir sabeeh sabih sabihe sabil sabina sabine sabiq sabir saboor sabri sabrina sabur saburah sachi sadan
sadaqat sadat sadeed sadeti sadina sadiye safet safii safina safiya safura saga sagcan sahat sahil sahin sahir sai
saiful saim sair sairah saire saka sakip saksham sakti sakura salami saleh sali salih sally salman salome salomon
salud salvador salvatore salvi salwa sam samaksh samama samanta samantha samar samarth samesh sami samiah samiha
samir samira samsul samu samuel sanaya sancak sancar sancho sandalio sander sandor sandra sandro sandy sani sanna
sanne sante santiago santino santos sanur sanya saood sara sarah sari sarina sarita sarthak sarya saskia sathvik
saturnina saturnino satya saumya savak savannah saverio savki savni sayan saydam sayin sayrak sazime scott sean
sebastiaan sebastian sebastiano sebastien sebla secgul secme seda sedat sedife sefer sefi sefiye segilola segismundo
seha sehel sehza sejda sekim selale selcen selcuk selena seler selim selime selina selma selmin selvi sem semat
semine semra semrin sencar seniha senkal senn senna sennur senol senta sep sepp septi serafina serda seref serena
serge sergei sergej sergio sergius serma serman sernur serol serpil seth setya sevcan sevdi seve severiano severino
severo sevgen sevim sevket sevla seyda seydo seye seyhan sezal sezen shane shania shannon shari sharon shaun shaurya
shawn shawna sheena shehu sheila shekoni shelby shelia shelley shelly sheri sherri sherry sheryl shirley shivani
shivansh shravya sian sibel sidar siddharth sidiq sidki siem sienna sierra sigfrid sigfrido sigge sigmar signe sigrid
sigrun sigurd sigvard sijuade sil silan silja silke silva silvestre silvestro silvia silvio simber similoluwa
simisola simon simona simone simonetta simten sina sinasi siper sirap siri siska siti sittik siv sivert sixten siya
sjoerd slamet slavko sneha socorro sofi sofia sofie sohret sokmen sol soledad soleh solma solveig sonad songul sonia
sonja sonke sonnur sonny sonya sophia sophie soraya soren sosimo souma sowande soykan soykut soyler sozer spencer
sphiwe stacey stacie stacy staffan stan stanley stef stefan stefani stefania stefanie stefano steffi stella stellan
sten stephane stephanie stephany stephen sterre steve steven stewart stig stijn stilla stina stuart sture suat suayp
subomi suci sudi sudiksha sue suha suhani sukri sukru sukufe sulhi sumayya summer sunay sune sunel suner suphi surya
susam susan susana susanita susann susanna susanne suse susen susi suus suvari suzanne suze suzer svante svea sven
svenja svetlana swen sydney sylke sylvia sylvie sylvio sylwia szymon taahaa taahir taaj taalib taamir taanish taariq
taban tabassum tabea tabish tabitha tacnur tade tadeen tadeo tadeusz tafazal tage taha tahaw tahawwur taheem tahir
tahmaseb tahmeed tahmid tahoor tahseen taial taimur taisir taj tajammal tajammul tajudinn talal talat talha talhah
tali talia talib talibe tamam tamanna tamara tami tammie tammy tanak tanay tanbay tangul tanhan tania tanimu tanish
tanja tanmayi tanner tanses tansev tantri tanveer tanvi tanya tanyu tapani tapio tara tarak tarfaan tari tasar tasdik
tasha taskan tasnim tasvir taswir tatiana tatu taufan taufik tawkeel taygan taylak taylor tayyip teber tecla ted
teddy tedi teerth teguh tejas tekbay teknaz teksoy telemaco telim telmo telse temidayo temime temistocle tenvir teo
teobaldo teodor teodora teodoro teodosio teofila teofilo tercan tere terence teresa terese teresia teresita terlan
terrance terrence terri terry tess tessa teun tevs teybet tezcan tezol thales thandiwe thando thea theda thekla theo
theodor theodore theodoro theophile theres theresa therese theresia thi thiago thibault thibaut thierry thies thijmen
thijn thijs thilo thom thomas thor thore thure tiara tibor tiburcio ticen tiffany tigin tijmen tijn tijs tilda tilde
tilly tilman tilo tim timbul timm timo timoteo timothee timothy tina tindra tino tira tirdad tirta tirza tishk titi
titilayo titin tito tiziana tiziano tobias tobiasz toby todd togan toker toki tokoz toktug tokunbo tola tolulope
toluwanimi tom tomas tomasa tomasz tomi tommy tomori tonguc toni tonia tonino tono tony tonya topuz tor tora toralf
torben torbjorn tord tore torel torgny torhan toribio torquato torsten tova tove tracey traci tracie tracy traude
traudl traute travis trevor tricia trini trinidad tripti tristan triveni triya troy trude trudel trudi tugcan tugce
tugtas tulay tule tulin tullio tulun tumer tunguc turabi turcan ture turgut turkan turvi tutkun tuulikki tuva tuyug
tuzeer twan tycho tygo tyler tymon tymoteusz tyra tyrone ubaadah ubadah ubaid ubaidah ubaldo ubay ubayd ubaydullah
uberto ubika ucan ucbeyi ucchal ucgul uchita udant udarsh udeen udyati ufukay ugan ugo ugolino ugur uhban ulf ulfat
ulfet ulises ulke ulkum ulla ulrica ulrich ulrik ulrika ulrike uludag uluman ulutay ulva ulya umaarah umair umang
umar umay umaya umberto umman ummet umray umusan unal undine unek unggul unjani unlen unnati unni uno unubol
upadhriti upasna upik upkaar upma urbano urhan urishilla urmi urper urrab ursel ursula urszula urte urvashi urvi
usame uschi ushan usman ustun usyi utama utkarsh uygun uzbay uzer uzsoy vacibe vadim vafir vahar vaishnavi vajen vala
valborg valdemar valentijn valentim valentin valentina valentine valeri valeria valerie valerio valero valter
vamakshi vanesa vanessa vanja vansha vanya varenya varsha vasana vasatika vasco vasudha vaysal vecide veda vedant
vedat vedhika vedika veer veerle vefia vega veis veit veli venancio venceslas vendela vera verde verena verim verner
vernon vero veronica veronika veronique vesna vezat vicenta vicente vicki vickie vicky victoire victor victoria
victoriano victorino vidal vidar vide vidhi viggo vigo vihaan viking viktor viktoria vilgot vilhelm vilhelmina vilma
vilmer viman vinaya vince vincent vincentio vincenza vincenzo vinicio vinicius vinko vino vinsen viola violet violeta
viraj virgilio virginia virginie viridiana virman visitacion vitali vito vitor vitoria vittoria vittorio vitus vivaan
viveka vivi viviana vivianne vlado volker vrinda vrishti vritti vyanjana waahid waail waajid wadee wadi wadood wafa
wafeeq wafi wafiq wahab wahb wahban waheed wahhaab wahhaaj wahyu waida wakeeta waldemar walli wally walter waluyo
wanda wani warda wardi warhi warinder warjas warji warren warsa warta wasis watika wawan wayne wazir wencke wendy
wenke wenzel wera werner wesley wessel whitney wibke widisha widya wiebke wiktor wilfredo wilhelm wilhelmina wille
willem willi william willie willy wilma wilmer winda wira wirda wishi wisnu witold wojciech wolf wout wouter
wriddhish wridesh wulan wulf wur wuraola wyatt xalak xanana xaver xavi xavier xenia ximena xiomara xiti xobeen
yaaseen yachana yadavi yadid yafi yafir yaghnam yagnesh yago yahsi yahvi yahya yahyaa yaiza yaman yamar yameen yamin
yamini yan yance yani yaqeen yaqoot yaqub yar yara yasaar yasan yasar yaseen yash yashasvi yashawini yashem yashica
yashoda yashodhara yashvi yasin yasir yasmin yasmine yassin yasti yatan yathrib yatin yauvani yavuz yawar yawer yayak
yazan yazeed yazgul yejide yekbun yekda yeraz yergha yertan yesenia yesica yesil yesoob yessi yessica yetunde yewande
yfke yigit yilmaz yinthe ylva yngve yochana yolal yolanda yono yoom yoruc yosef yoshita yosma yousef youssef yucel
yug yuki yulia yumun yuni yunita yunt yureed yuri yusuf yutika yuvraj yves yvette yvonne zaafir zaahid zaahir zaakir
zabir zacarias zacharie zachary zackariya zaeem zaenab zafar zafeer zafir zafrul zahaar zaheer zahfer zahi zahid
zahir zahra zahri zahrun zahur zaib zaid zaida zainab zaira zaitra zakaria zaliha zamir zamira zansi zara zarar zarna
zashil zauqi zaweel zayan zayyan zayyir zdenka zehaan zehra zekayi zeki zelaya zelda zelha zeljko zemzem zennun zenon
zenta zerdad zeride zewad zeynep zeyno zihni zilfa zilmil zimran zinal zinhle zita zizi zlatko zoe zoey zofia zoltan
zoraida zoral zoran zufer zulfa zumre zuwayhir
""".split()  # noqa: SIM905 - a list of thousands of words, a line each, would be unreadable
)
"""In small letters without accents, of three to ten letters."""
